"""Python: files by http.server, and an application by wsgiref; a port each."""

import http.server
import os
import re
import socketserver
import sys
import threading
import wsgiref.simple_server


class Files(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass


class Application(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *_):
        pass


def application(environ, start_response):
    admin = re.match(r"/admin(/|$)", environ["PATH_INFO"])
    start_response("200 OK", [("x-seen-subject", environ.get("HTTP_X_AUTH_SUBJECT", ""))])
    return [b"admin" if admin else b"public"]


class Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True


os.chdir(sys.argv[1])
files = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
wsgi = Server(("127.0.0.1", 0), Application)
wsgi.set_app(application)
for server in (files, wsgi):
    threading.Thread(target=server.serve_forever, daemon=True).start()
print(files.server_port, wsgi.server_port, flush=True)
sys.stdin.read()
