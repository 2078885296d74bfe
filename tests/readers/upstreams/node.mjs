// Node: the path by each of its two parsers and by hand, decoded as frameworks do; the header, also of trailers.
import http from 'node:http';
import url from 'node:url';

const decoded = text => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

const quiet = read => {
  try {
    return read() ?? '';
  } catch {
    return '';
  }
};

const server = http.createServer((request, response) => {
  request.resume().on('end', () => {
    const paths = [
      quiet(() => new URL(request.url, 'http://localhost').pathname),
      quiet(() => url.parse(request.url).pathname),
      request.url.split(/[?#]/)[0],
    ];
    const admin = paths.flatMap(path => [path, decoded(path)]).some(path => /^\/admin(\/|$)/.test(path));
    response.setHeader('x-seen-subject', request.headers['x-auth-subject'] ?? request.trailers['x-auth-subject'] ?? '');
    response.setHeader('x-seen-sum', request.trailers['x-sum'] ?? '');
    response.end(admin ? 'admin' : 'public');
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume().on('end', () => process.exit(0));
