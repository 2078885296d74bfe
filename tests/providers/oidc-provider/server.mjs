// A real authorization server, oidc-provider (https://github.com/panva/node-oidc-provider), on the loopback interface.
//
//   node server.mjs MODULES_FOLDER '{"port": 0, "gatewayKeys": {"keys": [..]}}'
//
// Writes one line {"port": ..} when it serves, and ends when its standard input does. Its issuer is http://127.0.0.1:PORT.
//
// What a token looks like is chosen by the resource indicator (RFC 8707) with which it is asked for:
//   https://orders.example/?format=jwt&alg=ES256&kid=a&ttl=60&audience=orders-api
// For every other resource it is signed, with ES256, and its audience is the resource.
// GET /auth logs alice in and gives a code for tokens, an ID token among them.
// Which keys are published is chosen by PUT /control/keys with [{"kid": "a", "alg": "ES256"}, ..]: rotation on demand.
// GET /control/signed-answers says how many answers about tokens were signed (RFC 9701).

import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { pathToFileURL } from 'node:url';

const [modules, options = '{}'] = process.argv.slice(2);
const { port = 0, gatewayKeys = { keys: [] } } = JSON.parse(options);
const { default: Provider } = await import(pathToFileURL(`${modules}/node_modules/oidc-provider/lib/index.js`));

const SCOPES = 'orders invoices';

const clients = [
  // Asks for tokens.
  {
    client_id: 'app', client_secret: 'secret-of-app', token_endpoint_auth_method: 'client_secret_basic',
    grant_types: ['client_credentials'], redirect_uris: [], response_types: [], scope: SCOPES,
  },
  // A user logs in at it: whoever comes is alice, and nobody asks her anything.
  {
    client_id: 'website', client_secret: 'secret-of-app', token_endpoint_auth_method: 'client_secret_basic',
    grant_types: ['authorization_code'], redirect_uris: ['https://website.example/here'], response_types: ['code'],
    scope: `openid ${SCOPES}`,
  },
  // Asks for tokens that are bound to its certificate (RFC 8705).
  {
    client_id: 'app-with-a-certificate', client_secret: 'secret-of-app', token_endpoint_auth_method: 'client_secret_basic',
    grant_types: ['client_credentials'], redirect_uris: [], response_types: [], scope: SCOPES,
    tls_client_certificate_bound_access_tokens: true,
  },
  // Ask about tokens.
  {
    client_id: 'gateway', client_secret: 'a secret: with / signs & 100%', token_endpoint_auth_method: 'client_secret_basic',
    grant_types: [], redirect_uris: [], response_types: [],
  },
  {
    client_id: 'gateway-that-signs', token_endpoint_auth_method: 'private_key_jwt', jwks: gatewayKeys,
    grant_types: [], redirect_uris: [], response_types: [],
  },
];

/** Tokens outlive the provider object, which is made anew whenever the keys change. */
class Memory {
  static all = new Map();
  constructor(model) { this.model = model; }
  key(id) { return `${this.model}:${id}`; }
  async upsert(id, payload, expiresIn) {
    Memory.all.set(this.key(id), { payload, until: Date.now() + (expiresIn ?? 3600) * 1000 });
  }
  async find(id) {
    const found = Memory.all.get(this.key(id));
    return found && found.until > Date.now() ? found.payload : undefined;
  }
  async destroy(id) { Memory.all.delete(this.key(id)); }
  async consume() {}
  async findByUid(uid) {
    const own = [...Memory.all].filter(([key]) => key.startsWith(`${this.model}:`));
    return own.map(([, found]) => found.payload).find((payload) => payload.uid === uid);
  }
  async findByUserCode() {}
  async revokeByGrantId() {}
}

function resourceServer(resource) {
  const asked = new URL(resource).searchParams;
  if (!asked.has('format')) {
    return { scope: SCOPES, audience: resource, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256', kid: 'ES256' } } };
  }
  const format = asked.get('format');
  return {
    scope: SCOPES,
    audience: asked.get('audience') ?? 'orders-api',
    accessTokenTTL: Number(asked.get('ttl') ?? 600),
    accessTokenFormat: format,
    ...(format === 'jwt' && { jwt: { sign: { alg: asked.get('alg'), kid: asked.get('kid') } } }),
  };
}

const pairs = {
  RSA: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  EC: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  OKP: () => generateKeyPairSync('ed25519'),
};
const kinds = { RS256: 'RSA', PS256: 'RSA', ES256: 'EC', EdDSA: 'OKP' };
const made = new Map();

/** The private key called `kid`, made when it is first named. */
function key({ kid, alg }) {
  if (!made.has(kid)) {
    const jwk = pairs[kinds[alg]]().privateKey.export({ format: 'jwk' });
    made.set(kid, { ...jwk, kid, alg, use: 'sig' });
  }
  return made.get(kid);
}

function provider(issuer, keys) {
  return new Provider(issuer, {
    adapter: Memory,
    clients,
    scopes: ['openid', ...SCOPES.split(' ')],
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    jwks: { keys: keys.map(key) },
    enabledJWA: {
      idTokenSigningAlgValues: Object.keys(kinds),
      introspectionSigningAlgValues: Object.keys(kinds),
      clientAuthSigningAlgValues: ['ES256', 'RS256', 'PS256', 'EdDSA'],
    },
    ttl: { ClientCredentials: (_ctx, token) => token.resourceServer?.accessTokenTTL ?? 600 },
    // The default is to sign with RS256, for which there need not be a key here.
    clientDefaults: { id_token_signed_response_alg: keys[0].alg, introspection_signed_response_alg: keys[0].alg },
    cookies: { keys: ['of nobody but these tests'] },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      introspection: { enabled: true, allowedPolicy: (_ctx, client) => client.clientId.startsWith('gateway') },
      jwtIntrospection: { enabled: true },
      // A proxy in front would have taken the certificate from the connection; here the client itself is believed.
      mTLS: {
        enabled: true, certificateBoundAccessTokens: true,
        getCertificate: (ctx) => ctx.get('x-certificate') || undefined,
      },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        getResourceServerInfo: (_ctx, resource) => resourceServer(resource),
      },
    },
  });
}

let current;
let answer;
let issuer;
let signed = 0;

function serve(keys) {
  current = provider(issuer, keys);
  answer = current.callback();
}

/** Logs alice in, and has her agree to whatever is asked for. */
async function login(request, response) {
  const { params, grantId } = await current.interactionDetails(request, response);
  const found = grantId && await current.Grant.find(grantId);
  const grant = found || new current.Grant({ accountId: 'alice', clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  if (params.resource) grant.addResourceScope(params.resource, params.scope);
  const result = { login: { accountId: 'alice' }, consent: { grantId: await grant.save() } };
  await current.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

const server = createServer((request, response) => {
  if (request.url === '/control/signed-answers') {
    response.end(JSON.stringify(signed));
    return;
  }
  if (request.url.startsWith('/interaction/')) {
    login(request, response).catch((error) => response.writeHead(500).end(`${error.stack}`));
    return;
  }
  if (request.url !== '/control/keys') {
    response.on('finish', () => {
      if (`${response.getHeader('content-type')}`.startsWith('application/token-introspection+jwt')) signed += 1;
    });
    answer(request, response);
    return;
  }
  let body = '';
  request.on('data', (piece) => { body += piece; });
  request.on('end', () => {
    serve(JSON.parse(body));
    response.writeHead(204).end();
  });
});

server.listen(port, '127.0.0.1', () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  const first = Object.keys(kinds).map((alg) => ({ kid: alg, alg }));
  serve(first);
  process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`);
});

process.stdin.resume().on('end', () => process.exit());
