// Every client authentication with every flow, against a provider that nobody here wrote. The table of it is
// docs/client_authentication.md; with UPDATE_DOCS=1 it is written anew.
import assert from 'node:assert/strict';
import { randomBytes, X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { baseConfig, runBroker } from './harness/broker.mjs';
import { Authority } from './harness/certificates.mjs';
import { scratchFolder } from './harness/child.mjs';
import { REJECTED, fails } from './harness/expect.mjs';
import { RESPONSE_TYPES, clientConfig, providerConfig } from './harness/hostile_world.mjs';
import { RealWorld } from './harness/real_world.mjs';
import { plain } from './harness/rpc.mjs';
import { secret } from './harness/secrets.mjs';
import { newKeyPair } from '../providers/key_pair.mjs';

const DOCUMENT = fileURLToPath(new URL('../../docs/client_authentication.md', import.meta.url));
const folder = scratchFolder();

const KEY_TYPES = {
  RS: ['rsa', { modulusLength: 2048 }],
  PS: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
  ES384: ['ec', { namedCurve: 'P-384' }],
  ES512: ['ec', { namedCurve: 'P-521' }],
  EdDSA: ['ed25519', {}],
};

// A key pair of a client: its private half in a file, its public half as a JWK.
function clientKey(alg, keyId = `key-${alg}`) {
  const [type, options] = KEY_TYPES[alg] ?? KEY_TYPES[alg.slice(0, 2)];
  const { privateKey, publicKey } = newKeyPair(type, options);
  const file = join(folder, `${randomBytes(6).toString('hex')}.pem`);
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  for (const line of pem.split('\n')) if (line.length > 20 && !line.startsWith('-----')) secret('private key', line);
  writeFileSync(file, pem);
  return {
    jwk: { ...publicKey.export({ format: 'jwk' }), kid: keyId, alg, use: 'sig' },
    config: { private_key: { file }, algorithm: alg, key_id: keyId },
  };
}

const hmacSecret = () => secret('client secret', randomBytes(48).toString('base64')); // 64 bytes, enough for HS512
const tlsFiles = ({ certFile, keyFile }) => ({ certificate_file: certFile, private_key_file: keyFile });

// A certificate as a key that a client registers.
function jwkOf(certificate) {
  const x509 = new X509Certificate(certificate.cert);
  return { ...x509.publicKey.export({ format: 'jwk' }), use: 'sig', x5c: [x509.raw.toString('base64')] };
}

const authority = new Authority(); // of the provider, and of client certificates
const otherAuthority = new Authority();
const selfSigned = () => new Authority().selfSigned();

// The rows: what the client is registered with, what the broker is configured with, and the same behind one that the
// provider does not know (`rotating`).
function rowsOf() {
  const rows = {};
  for (const method of ['client_secret_basic', 'client_secret_post']) {
    rows[method] = {
      method,
      make: () => {
        const inline = secret('client secret', `${randomBytes(18).toString('base64')} +%/:&=~`);
        const secrets = (list) => ({ [method]: { secrets: list.map((value) => ({ inline: value })) } });
        return {
          registered: { client_secret: inline },
          authentication: secrets([inline]),
          rotating: secrets([secret('client secret', randomBytes(18).toString('hex')), inline]),
        };
      },
    };
  }
  for (const algorithm of ['HS256', 'HS384', 'HS512']) {
    rows[`client_secret_jwt ${algorithm}`] = {
      method: 'client_secret_jwt',
      make: () => {
        const inline = hmacSecret();
        const secrets = (list) => ({
          client_secret_jwt: { algorithm, secrets: list.map((value) => ({ inline: value })) },
        });
        return {
          registered: { client_secret: inline, token_endpoint_auth_signing_alg: algorithm },
          authentication: secrets([inline]),
          rotating: secrets([hmacSecret(), inline]),
        };
      },
    };
  }
  for (const alg of ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']) {
    rows[`private_key_jwt ${alg}`] = {
      method: 'private_key_jwt',
      make: () => {
        const key = clientKey(alg);
        const unknown = clientKey(alg, 'not-registered');
        return {
          registered: { jwks: { keys: [key.jwk] }, token_endpoint_auth_signing_alg: alg },
          authentication: { private_key_jwt: { keys: [key.config] } },
          rotating: { private_key_jwt: { keys: [unknown.config, key.config] } },
        };
      },
    };
  }
  rows.tls_client_auth = {
    method: 'tls_client_auth',
    make: () => {
      const name = `client-${randomBytes(4).toString('hex')}.example.org`;
      const certificates = (list) => ({ tls_client_auth: { certificates: list.map(tlsFiles) } });
      const good = authority.issue(`DNS:${name}`);
      return {
        registered: { tls_client_auth_san_dns: name },
        authentication: certificates([good]),
        rotating: certificates([otherAuthority.issue(`DNS:${name}`), good]),
      };
    },
  };
  rows.self_signed_tls_client_auth = {
    method: 'self_signed_tls_client_auth',
    make: () => {
      const good = selfSigned();
      const certificates = (list) => ({ self_signed_tls_client_auth: { certificates: list.map(tlsFiles) } });
      return {
        registered: { jwks: { keys: [jwkOf(good)] } },
        authentication: certificates([good]),
        rotating: certificates([selfSigned(), good]),
      };
    },
  };
  rows.none = { method: 'none', make: () => ({ registered: {}, authentication: { none: {} } }) };
  return rows;
}

const ROWS = rowsOf();
const idOf = (row) => row.replaceAll(' ', '-').toLowerCase();

// As RealWorld takes them: for each row a client, one whose authorization requests must be pushed (RFC 9126), one that has
// a credential first which the provider does not know, and where there is a certificate one whose access tokens are bound
// to it (RFC 8705 section 3).
function clientsOf() {
  const clients = {};
  for (const [row, { method, make }] of Object.entries(ROWS)) {
    const { registered, authentication, rotating } = make();
    const confidential = method !== 'none';
    const grants = ['authorization_code', 'implicit', 'refresh_token', ...(confidential ? ['client_credentials'] : [])];
    const common = { method, registered: { ...registered, grant_types: grants } };
    const configured = { client_credentials: confidential };
    clients[idOf(row)] = { ...common, configured: { ...configured, authentication } };
    clients[`${idOf(row)}-pushed`] = {
      method,
      registered: { ...common.registered, require_pushed_authorization_requests: true },
      configured: { ...configured, authentication, pushed_authorization_requests: 'always' },
    };
    if (!rotating) continue;
    const name = `${idOf(row)}-rotating`;
    clients[name] = { ...common, configured: { ...configured, authentication: rotating } };
    if (!method.includes('tls')) continue;
    const responseTypes = ['code', 'code id_token'];
    clients[`${idOf(row)}-bound`] = {
      method,
      registered: {
        ...common.registered,
        response_types: responseTypes,
        tls_client_certificate_bound_access_tokens: true,
      },
      configured: { ...configured, authentication, response_types: responseTypes },
    };
  }
  return clients;
}

const COLUMNS = {
  ...Object.fromEntries(RESPONSE_TYPES.map((type) => [`\`${type}\``, { type }])),
  'pushed request': {},
  refresh: {},
  userinfo: {},
  revocation: {},
  'client credentials': { confidential: true },
  'next credential': { confidential: true },
};

describe('client authentication at oidc-provider', () => {
  let world;
  const outcomes = new Map(); // row -> column -> text

  before(async () => {
    const server = authority.issue('IP:127.0.0.1');
    world = await RealWorld.start({
      clients: clientsOf(),
      provider: { ca_file: authority.caFile },
      flags: ['--tls-cert', server.certFile, '--tls-key', server.keyFile, '--client-ca', authority.caFile],
    });
  });
  after(() => world?.stop());

  // One cell: a test, and what the table says of it.
  function cell(row, column, run) {
    it(`${row}: ${column.replaceAll('`', '')}`, async () => {
      const says = (await run()) ?? 'yes';
      outcomes.set(row, { ...outcomes.get(row), [column]: says });
    });
  }

  const credentials = (client) => world.rpc.GetAccessToken({ client_credentials: { client }, scopes: ['hello:read'] });

  for (const [row, { method }] of Object.entries(ROWS)) {
    const client = idOf(row);
    let grant; // the one that the cells from `refresh` on share
    for (const [column, { type }] of Object.entries(COLUMNS)) {
      if (!type) continue;
      cell(row, column, async () => {
        const answer = await world.signIn({ client, response_type: type });
        const token = await world.rpc.GetAccessToken({ grant_id: answer.grant.grant_id });
        assert.equal((await world.callApi(token.access_token)).status, 200);
      });
    }
    cell(row, 'pushed request', async () => {
      const { grant: pushed } = await world.signIn({ client: `${client}-pushed`, response_type: 'code id_token' });
      assert.equal(pushed.state, 'GRANT_STATE_ACTIVE');
    });
    cell(row, 'refresh', async () => {
      const bound = method.includes('tls') ? `${client}-bound` : client;
      ({ grant } = await world.signIn({ client: bound, response_type: 'code' }));
      const before = await world.rpc.GetAccessToken({ grant_id: grant.grant_id });
      const request = { grant_id: grant.grant_id, rejected_access_token: before.access_token };
      const fresh = await world.rpc.GetAccessToken(request);
      assert.notEqual(fresh.access_token, before.access_token);
      assert.equal((await world.callApi(fresh.access_token)).status, 200);
    });
    cell(row, 'userinfo', async () => {
      const { claims } = await world.rpc.GetUserInfo({ grant_id: grant.grant_id });
      assert.equal(plain(claims).sub, 'alice');
    });
    cell(row, 'revocation', async () => {
      const { access_token: token } = await world.rpc.GetAccessToken({ grant_id: grant.grant_id });
      const { revoked_at_provider: revoked } = await world.rpc.RevokeGrant({ grant_id: grant.grant_id });
      assert.equal(revoked, true);
      assert.equal((await world.callApi(token)).status, 401);
    });
    cell(row, 'client credentials', async () => {
      if (method !== 'none') {
        const token = await credentials(client);
        assert.equal(token.token_type, 'Bearer');
        return 'yes';
      }
      // RFC 6749 section 4.4: only confidential clients.
      const config = baseConfig({
        providers: [providerConfig('https://op.example.org', 'op')],
        clients: [clientConfig('op', 'x', { authentication: { none: {} }, client_credentials: true })],
      });
      const { code, output } = await runBroker(config, ['--check']);
      assert.equal(code, 1, output);
      assert.match(output, /clients\[0\]\.client_credentials: needs a client that can prove who it is/);
      return 'refused';
    });
    cell(row, 'next credential', async () => {
      if (method === 'none') return '–';
      const rotating = `${client}-rotating`;
      await credentials(rotating);
      // A code is sent once, with the first alone.
      await fails(world.signIn({ client: rotating, response_type: 'code' }), REJECTED);
      return 'yes';
    });
  }

  it('tls-client-certificates: each on connections of its own', async () => {
    const clients = ['tls_client_auth', 'self_signed_tls_client_auth', 'client_secret_basic'];
    const scopes = ['hello:read', 'hello:write'];
    const tokens = new Set();
    for (let round = 0; round < 3; ++round) {
      const calls = clients.flatMap((client) => scopes.map((scope) => world.rpc.GetAccessToken({
        client_credentials: { client },
        scopes: [scope],
        min_remaining_lifetime: { seconds: 7200 }, // more than tokens live: each call gets a new one
      })));
      for (const token of await Promise.all(calls)) tokens.add(token.access_token);
    }
    assert.equal(tokens.size, 3 * clients.length * scopes.length, 'every call went to the provider');
  });

  it('docs/client_authentication.md shows what was run', () => {
    const columns = Object.keys(COLUMNS);
    const table = [
      `| | ${columns.join(' | ')} |`,
      `|---|${columns.map(() => '---|').join('')}`,
      ...Object.keys(ROWS).map((row) => {
        const [method, alg] = row.split(' ');
        const name = alg ? `\`${method}\`, ${alg}` : `\`${method}\``;
        return `| ${name} | ${columns.map((column) => outcomes.get(row)?.[column] ?? 'FAILS').join(' | ')} |`;
      }),
    ].join('\n');
    const text = readFileSync(DOCUMENT, 'utf8');
    const [, head, , tail] = /^([\s\S]*<!-- table -->\n)([\s\S]*)(\n<!-- end of table -->[\s\S]*)$/.exec(text);
    if (process.env.UPDATE_DOCS) writeFileSync(DOCUMENT, `${head}${table}${tail}`);
    assert.equal(readFileSync(DOCUMENT, 'utf8'), `${head}${table}${tail}`);
  });
});
