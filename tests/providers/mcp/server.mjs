// An MCP server, of the Model Context Protocol's own SDK (https://github.com/modelcontextprotocol/typescript-sdk), that
// knows nothing of tokens: scopegate stands before it.
//
//   node server.mjs MODULES_FOLDER
//
// Writes one line {"port": ..} when it serves, and ends when its standard input does.
// Its tool `caller` says what of its caller arrived here. GET /control/requests says how many requests did.

import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const [modules] = process.argv.slice(2);
const sdk = (path) => import(pathToFileURL(`${modules}/node_modules/@modelcontextprotocol/sdk/dist/esm/${path}.js`));
const { McpServer } = await sdk('server/mcp');
const { StreamableHTTPServerTransport } = await sdk('server/streamableHttp');

let requests = 0;

function caller({ requestInfo: { headers } }) {
  const seen = { client: headers['x-auth-client'], token: 'authorization' in headers };
  return { content: [{ type: 'text', text: JSON.stringify(seen) }] };
}

const server = createServer(async (request, response) => {
  if (request.url === '/control/requests') {
    response.end(JSON.stringify(requests));
    return;
  }
  requests += 1;
  const mcp = new McpServer({ name: 'orders', version: '1.0.0' });
  mcp.registerTool('caller', { description: 'Says who calls' }, caller);
  const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true });
  await mcp.connect(transport);
  await transport.handleRequest(request, response);
});

server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`);
});

process.stdin.resume().on('end', () => process.exit());
