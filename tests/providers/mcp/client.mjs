// An MCP client, of the Model Context Protocol's own SDK (https://github.com/modelcontextprotocol/typescript-sdk): it finds
// out by itself what a resource wants and where tokens for it are issued, gets one, and calls a tool.
//
//   node client.mjs MODULES_FOLDER '{"resource": "http://mcp.example.com/mcp", "port": .., "client": {"id": .., "secret": ..}}'
//
// The host of the resource is on loopback, at this port: there is no name server here. Nothing else is told in advance.
// Writes one line, what it found.

import { request } from 'node:http';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';

const [modules, options] = process.argv.slice(2);
const { resource, port, client: { id, secret } } = JSON.parse(options);
const sdk = (path) => import(pathToFileURL(`${modules}/node_modules/@modelcontextprotocol/sdk/dist/esm/${path}.js`));
const {
  auth, discoverAuthorizationServerMetadata, discoverOAuthProtectedResourceMetadata, extractWWWAuthenticateParams,
} = await sdk('client/auth');
const { ClientCredentialsProvider } = await sdk('client/auth-extensions');
const { Client } = await sdk('client/index');
const { StreamableHTTPClientTransport } = await sdk('client/streamableHttp');

setTimeout(() => { throw new Error('this takes too long'); }, 120_000).unref();

/** fetch, with the name of the resource's host resolved; fetch itself lets nobody choose the Host field. */
function resolving(target, { method = 'GET', headers, body, signal } = {}) {
  const url = new URL(target);
  const { host } = new URL(resource);
  if (url.host !== host) return fetch(url, { method, headers, body, signal });
  const fields = { ...Object.fromEntries(new Headers(headers)), host };
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, method, path: url.pathname, headers: fields, signal }, (answer) => {
      resolve(new Response(Readable.toWeb(answer), { status: answer.statusCode, headers: answer.headers }));
    });
    asked.on('error', reject).end(body);
  });
}

/** What the first answer says, which has no token to judge. */
async function challenge() {
  const response = await resolving(resource, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } });
  return { status: response.status, ...extractWWWAuthenticateParams(response) };
}

/** Where somebody would be sent to log in. */
async function login(resourceMetadataUrl) {
  let sent;
  const provider = {
    redirectUrl: 'http://127.0.0.1/callback',
    clientMetadata: { redirect_uris: ['http://127.0.0.1/callback'] },
    clientInformation: () => ({ client_id: id }),
    tokens: () => undefined,
    saveTokens: () => {},
    saveCodeVerifier: () => {},
    codeVerifier: () => '',
    redirectToAuthorization: (url) => { sent = url; },
  };
  const outcome = await auth(provider, { serverUrl: resource, resourceMetadataUrl, fetchFn: resolving });
  return { outcome, at: sent.origin, ...Object.fromEntries(sent.searchParams) };
}

/** Connects and calls the tool, with a token for `scope` that the client gets by itself once it is challenged. */
async function call(expectedIssuer, scope) {
  const answers = [];
  const watching = async (target, init) => {
    const response = await resolving(target, init);
    if (`${target}` === resource && !response.ok) answers.push({ status: response.status, ...extractWWWAuthenticateParams(response) });
    return response;
  };
  const authProvider = new ClientCredentialsProvider({ clientId: id, clientSecret: secret, scope, expectedIssuer });
  const transport = new StreamableHTTPClientTransport(new URL(resource), { authProvider, fetch: watching });
  const client = new Client({ name: 'test', version: '1.0.0' });
  try {
    await client.connect(transport);
    const { tools } = await client.listTools();
    const { content } = await client.callTool({ name: 'caller', arguments: {} });
    return { answers, tools: tools.map(({ name }) => name), caller: JSON.parse(content[0].text) };
  } catch (error) {
    return { answers, error: error.message };
  } finally {
    await client.close();
  }
}

const challenged = await challenge();
const hinted = await discoverOAuthProtectedResourceMetadata(resource, challenged, resolving);
const derived = await discoverOAuthProtectedResourceMetadata(resource, {}, resolving);
const [issuer] = hinted.authorization_servers;
const { token_endpoint } = await discoverAuthorizationServerMetadata(issuer, { fetchFn: resolving });

process.stdout.write(`${JSON.stringify({
  challenged,
  hinted,
  derived,
  token_endpoint,
  login: await login(challenged.resourceMetadataUrl),
  enough: await call(issuer, hinted.scopes_supported.join(' ')),
  poor: await call(issuer, 'invoices'),
})}\n`);
process.exit();
