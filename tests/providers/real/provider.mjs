#!/usr/bin/env node
// A real OpenID provider (npm oidc-provider) and a protected API beside it, for the tests and the demo.
//
//   provider.mjs --clients clients.json [--port 0] [--api-port 0] [--access-token-lifetime 5]
//                [--refresh-token-lifetime 1209600] [--no-rotation] [--dpop-nonces]
//                [--tls-cert F --tls-key F [--client-ca F]]
//
// `clients.json` is an array of client metadata as in OpenID Connect Dynamic Client Registration.
// With `--client-ca` the provider takes client certificates (RFC 8705), on a second port.
// Prints one line of JSON when it is ready: {"issuer", "port", "api"}. Ends on SIGTERM and SIGINT.
import './node18.mjs';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { parseArgs } from 'node:util';
import { randomUUID } from 'node:crypto';

const { Provider } = await import('oidc-provider');
const { makeConfiguration } = await import('./configuration.mjs');
const { generateSigningKeys, publicKeys } = await import('./keys.mjs');
const { protectedApi } = await import('./protected_api.mjs');
const { registerTokenExchange } = await import('./token_exchange.mjs');

const { values: flags } = parseArgs({
  options: {
    clients: { type: 'string' },
    port: { type: 'string', default: '0' },
    'api-port': { type: 'string', default: '0' },
    'access-token-lifetime': { type: 'string', default: '5' },
    'refresh-token-lifetime': { type: 'string', default: String(14 * 24 * 3600) },
    'no-rotation': { type: 'boolean', default: false },
    'dpop-nonces': { type: 'boolean', default: false },
    'tls-cert': { type: 'string' },
    'tls-key': { type: 'string' },
    'client-ca': { type: 'string' },
  },
});

const apiClient = {
  client_id: 'protected-api',
  client_secret: randomUUID(),
  redirect_uris: [],
  response_types: [],
  grant_types: [],
};
const options = {
  clients: [...JSON.parse(readFileSync(flags.clients, 'utf8')), apiClient],
  accessTokenLifetime: Number(flags['access-token-lifetime']),
  refreshTokenLifetime: Number(flags['refresh-token-lifetime']),
  rotation: !flags['no-rotation'],
  dpopNonces: flags['dpop-nonces'],
};
const tls = flags['tls-cert'] && {
  cert: readFileSync(flags['tls-cert']),
  key: readFileSync(flags['tls-key']),
};

async function listen(server, port) {
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(Number(port), '127.0.0.1', resolve);
  });
  return server.address().port;
}

const server = tls ? https.createServer(tls) : http.createServer();
const port = await listen(server, flags.port);
const mtlsServer = flags['client-ca'] && https.createServer({
  ...tls,
  ca: readFileSync(flags['client-ca']),
  requestCert: true,
  rejectUnauthorized: false, // self-signed certificates are for the provider to judge
});
if (mtlsServer) options.mtlsOrigin = `https://127.0.0.1:${await listen(mtlsServer, 0)}`;
const issuer = `${tls ? 'https' : 'http'}://127.0.0.1:${port}`;
const keys = generateSigningKeys();
const provider = new Provider(issuer, makeConfiguration(options, keys));

registerTokenExchange(provider);

// The sample application lives on plain-http loopback, which real deployments may not.
const { invalidate } = provider.Client.Schema.prototype;
provider.Client.Schema.prototype.invalidate = function tolerateLoopback(message, code) {
  if (code === 'implicit-force-https' || code === 'implicit-forbid-localhost') return;
  invalidate.call(this, message, code);
};

// At the token endpoint, as at the authorization endpoint, `audience` means `resource`.
provider.use(async (ctx, next) => {
  if (ctx.method === 'POST' && ctx.path === '/token') {
    let body = '';
    for await (const chunk of ctx.req) body += chunk;
    const form = new URLSearchParams(body);
    if (form.has('audience') && !form.has('resource')) form.set('resource', form.get('audience'));
    ctx.req.body = form.toString();
  }
  await next();
});
provider.on('server_error', (_ctx, error) => console.error('provider:', error));

server.on('request', provider.callback());
mtlsServer?.on('request', provider.callback());

// DELETE /consents/<user> beside the API ends whatever that user consented to, as a page of the
// provider's where users take consent back would.
const consents = new Map(); // user -> their grants
provider.on('grant.success', ({ oidc: { entities } }) => {
  const { Account: account, Grant: grant } = entities;
  if (grant) consents.set(account.accountId, [...(consents.get(account.accountId) ?? []), grant]);
});
const helloApi = protectedApi({ jwks: publicKeys(keys), issuer, client: apiClient, dpopNonces: options.dpopNonces });
const api = http.createServer(async (request, response) => {
  const [, user] = /^\/consents\/([^/]+)$/.exec(request.url) ?? [];
  if (request.method !== 'DELETE' || !user) return helloApi(request, response);
  await Promise.all((consents.get(user) ?? []).map((grant) => grant.destroy()));
  consents.delete(user);
  return response.writeHead(204).end();
});
const apiPort = await listen(api, flags['api-port']);

console.log(JSON.stringify({ issuer, port, api: `http://127.0.0.1:${apiPort}` }));

for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
