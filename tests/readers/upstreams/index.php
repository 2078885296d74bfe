<?php
// The path as PHP has it from the server, and as applications take it apart themselves; and the one header.
$own = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH) ?: '';
$paths = [$_SERVER['SCRIPT_NAME'], $_SERVER['PATH_INFO'] ?? '', $own, rawurldecode($own), urldecode($own)];
$admin = array_filter($paths, fn($path) => preg_match('#^/admin(/|$)#', $path));
header('x-seen-subject: ' . ($_SERVER['HTTP_X_AUTH_SUBJECT'] ?? ''));
echo $admin ? 'admin' : 'public';
