// Who may call: mutual TLS, bearer JWTs, and policy that denies by default.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import grpc from '@grpc/grpc-js';
import { Broker } from './harness/broker.mjs';
import { Authority } from './harness/certificates.mjs';
import { scratchFolder } from './harness/child.mjs';
import { fails } from './harness/expect.mjs';
import { HostileServer, callbackOf } from '../providers/hostile/server.mjs';
import { clientConfig, providerConfig } from './harness/hostile_world.mjs';
import { connect } from './harness/rpc.mjs';
import { secret } from './harness/secrets.mjs';
import { render } from '../providers/hostile/jwt.mjs';
import { publicJwk, signingKey } from '../providers/hostile/keys.mjs';

const UNAUTHENTICATED = { code: 'UNAUTHENTICATED', reason: 'CALLER_UNAUTHENTICATED' };
const FORBIDDEN = { code: 'PERMISSION_DENIED', reason: 'CALLER_NOT_ALLOWED' };
const CLUSTER = 'https://kubernetes.default.svc.cluster.local';

describe('callers', () => {
  const authority = new Authority();
  const stranger = new Authority();
  const leaves = {
    shop: authority.issue('URI:spiffe://example.org/shop'),
    desk: authority.issue('DNS:desk.example.org'),
    limited: authority.issue('URI:spiffe://example.org/limited'),
    nobody: authority.issue('URI:spiffe://example.org/shop/other'),
    foreign: stranger.issue('URI:spiffe://example.org/shop'),
  };
  const server = authority.issue('DNS:localhost,IP:127.0.0.1');
  let provider;
  let op;
  let broker;
  const open = [];

  before(async () => {
    provider = await HostileServer.start();
    op = provider.tenant('op');
    provider.tenant('second');
    const keys = join(scratchFolder(), 'cluster.json');
    writeFileSync(keys, JSON.stringify({ keys: [publicJwk(signingKey('ES256', 'cluster'), { kid: 'k8s', alg: 'ES256' })] }));
    const jwt = (subject) => ({ jwt: { issuer: CLUSTER, subject } });
    const config = {
      dev: { allow_inline_secrets: true },
      refresh: { scheduler: { enabled: false } },
      providers: ['op', 'second'].map((id) => providerConfig(`${provider.origin}/t/${id}`, id)),
      clients: ['op', 'second'].map((id) => clientConfig(id, provider.tenant(id).clientSecret)),
      jwt_issuers: [{ issuer: CLUSTER, jwks_file: keys, audience: 'token-broker', signing_algorithms: ['ES256'] }],
      callers: [
        { name: 'shop', identities: [{ spiffe_id: 'spiffe://example.org/shop' }, jwt('system:serviceaccount:shop:backend')], clients: ['op'], rpcs: ['*'] },
        { name: 'desk', identities: [{ dns_san: 'desk.example.org' }], clients: ['*'], rpcs: ['GetGrant', 'ListGrants'], grants: 'all' },
        { name: 'limited', identities: [{ spiffe_id: 'spiffe://example.org/limited' }], clients: ['op'], rpcs: ['*'], scopes: ['openid', 'read'] },
      ],
      server: {
        tls: {
          certificate_file: server.certFile,
          private_key_file: server.keyFile,
          client_ca_file: authority.caFile,
          client_certificates: 'optional',
        },
      },
    };
    broker = await Broker.start(config, { credentials: grpc.credentials.createSsl(authority.ca) });
  });
  after(async () => {
    for (const rpc of open) rpc.close();
    await broker?.stop();
    await provider?.close();
  });

  function as(name) {
    const { key, cert } = leaves[name] ?? {};
    const rpc = connect(broker.address, { credentials: grpc.credentials.createSsl(authority.ca, key, cert) });
    open.push(rpc);
    return rpc;
  }

  function bearer(claims = {}, change = () => {}) {
    const now = Math.floor(Date.now() / 1000);
    const plan = {
      alg: 'ES256',
      key: signingKey('ES256', 'cluster'),
      header: { alg: 'ES256', kid: 'k8s' },
      claims: { iss: CLUSTER, sub: 'system:serviceaccount:shop:backend', aud: ['token-broker'], exp: now + 600, iat: now, ...claims },
    };
    change(plan);
    return { metadata: { authorization: `Bearer ${secret('caller token', render(plan))}` } };
  }

  const begin = (rpc, request = {}, options = {}) => rpc.CreateAuthorizationUrl({
    client: 'op', redirect_uri: 'https://app.example.org/callback/op', response_type: 'code id_token', response_mode: 'form_post', ...request,
  }, options);

  async function signIn(rpc, options) {
    const begun = await begin(rpc, {}, options);
    const callback = callbackOf(op.authorize(begun.authorization_url));
    return { begun, callback, request: { ...callback, browser_binding: begun.browser_binding } };
  }

  it('are known by their SPIFFE id', async () => {
    const rpc = as('shop');
    const { request } = await signIn(rpc);
    const { grant } = await rpc.SubmitCallback(request);
    assert.equal((await rpc.GetAccessToken({ grant_id: grant.grant_id })).token_type, 'Bearer');
  });

  it('are known by a bearer JWT, as the same caller', async () => {
    const { request } = await signIn(as('shop'));
    const rpc = as('anonymous');
    const { grant } = await rpc.SubmitCallback(request, bearer());
    await rpc.GetGrant({ grant_id: grant.grant_id }, bearer());
  });

  it('that prove nothing may do nothing', async () => {
    await fails(begin(as('anonymous')), UNAUTHENTICATED);
    await fails(as('anonymous').ListGrants({}), UNAUTHENTICATED);
  });

  it('that nobody named may do nothing', async () => {
    const error = await begin(as('nobody')).then(() => assert.fail('accepted'), (e) => e);
    assert.ok(['UNAUTHENTICATED', 'PERMISSION_DENIED'].includes(error.code), error.message);
  });

  it('with a certificate of a foreign authority do not get in', async () => {
    const error = await begin(as('foreign'), {}, { deadlineMs: 3000 }).then(() => assert.fail('accepted'), (e) => e);
    assert.ok(['UNAVAILABLE', 'DEADLINE_EXCEEDED'].includes(error.code), error.message);
  });

  for (const [kind, make] of Object.entries({
    'that is expired': () => bearer({ exp: Math.floor(Date.now() / 1000) - 3600 }),
    'for somebody else': () => bearer({ aud: ['vault'] }),
    'of another issuer': () => bearer({ iss: 'https://evil.example.org' }),
    'with no end': () => bearer({ exp: undefined }),
    'that is unsigned': () => bearer({}, (plan) => { plan.header = { alg: 'none' }; plan.signature = () => Buffer.alloc(0); }),
    'that is signed by a stranger': () => bearer({}, (plan) => { plan.key = signingKey('ES256', 'stranger'); }),
    'that is garbage': () => ({ metadata: { authorization: 'Bearer garbage' } }),
    'that is Basic': () => ({ metadata: { authorization: 'Basic eDp5' } }),
  })) {
    it(`with a token ${kind} are not believed`, () => fails(begin(as('anonymous'), {}, make()), UNAUTHENTICATED));
  }

  it('with a good token and no name here may do nothing', async () => {
    const options = bearer({ sub: 'system:serviceaccount:shop:other' });
    const error = await begin(as('anonymous'), {}, options).then(() => assert.fail('accepted'), (e) => e);
    assert.ok(['UNAUTHENTICATED', 'PERMISSION_DENIED'].includes(error.code), error.message);
  });

  it('may use their own clients alone', async () => {
    const request = { client: 'second', redirect_uri: 'https://app.example.org/callback/second' };
    const error = await begin(as('shop'), request).then(() => assert.fail('accepted'), (e) => e);
    assert.ok(['CLIENT_UNKNOWN', 'CALLER_NOT_ALLOWED'].includes(error.reason), error.message);
  });

  it('may use their own RPCs alone', () => fails(begin(as('desk')), FORBIDDEN));

  it('may ask for their own scopes alone', async () => {
    const error = await begin(as('limited'), { scopes: ['openid', 'write'] }).then(() => assert.fail('accepted'), (e) => e);
    assert.ok(['SCOPE_NOT_ALLOWED', 'CALLER_NOT_ALLOWED'].includes(error.reason), error.message);
  });

  it('cannot see, use or end the grants of others', async () => {
    const rpc = as('shop');
    const { request } = await signIn(rpc);
    const { grant: { grant_id } } = await rpc.SubmitCallback(request);
    const other = as('limited');
    for (const method of ['GetGrant', 'GetAccessToken', 'RevokeGrant', 'GetUserInfo']) {
      await fails(other[method]({ grant_id }), { code: 'NOT_FOUND', reason: 'GRANT_UNKNOWN' });
    }
    assert.deepEqual((await other.ListGrants({})).grants, []);
    assert.equal((await as('desk').GetGrant({ grant_id })).grant.grant_id, grant_id);
  });

  it('cannot finish the sign-ins of others', async () => {
    const { request } = await signIn(as('shop'));
    await fails(as('limited').SubmitCallback(request), { code: 'NOT_FOUND', reason: 'STATE_UNKNOWN' });
    await as('shop').SubmitCallback(request);
  });
});
