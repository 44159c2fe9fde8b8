// Pushed (RFC 9126) and signed (RFC 9101) authorization requests at the hostile provider.
import assert from 'node:assert/strict';
import { verify } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { DENIED, LIMITED, MISCONFIGURED, PROTO, REJECTED, UP, fails } from './harness/expect.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { keyFile } from './harness/key_file.mjs';
import { seconds } from './harness/rpc.mjs';
import { newKeyPair } from '../providers/key_pair.mjs';

const parameters = (url) => Object.fromEntries(new URL(url).searchParams);
const payload = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url').toString());
const header = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[0], 'base64url').toString());

describe('pushed authorization requests', () => {
  let world;
  before(async () => {
    world = await HostileWorld.start({ size: 40, client: { pushed_authorization_requests: 'always' } });
  });
  after(() => world?.stop());

  it('par-happy: the browser carries client_id and request_uri alone', async () => {
    const signIn = world.newCase();
    const begun = await signIn.begin('code id_token');
    const sent = parameters(begun.authorization_url);
    assert.deepEqual(Object.keys(sent).sort(), ['client_id', 'request_uri']);
    const [{ form, headers }] = signIn.op.requests('par');
    assert.match(headers.authorization, /^Basic /);
    assert.equal(form.state, begun.state);
    assert.equal(form.response_type, 'code id_token');
    assert.equal(form.code_challenge_method, 'S256');
    assert.equal(form.client_id, 'broker');
    assert.equal(form.client_secret, undefined);
    const { grant } = await signIn.submit(signIn.authorize());
    assert.equal(grant.state, 'GRANT_STATE_ACTIVE');
  });

  it('par-resources: several resources are all pushed', async () => {
    const signIn = world.newCase();
    await signIn.begin('code', { resources: ['https://api.example.org/a', 'https://api.example.org/b'] });
    const [{ body }] = signIn.op.requests('par');
    assert.deepEqual(new URLSearchParams(body).getAll('resource'), ['https://api.example.org/a', 'https://api.example.org/b']);
  });

  it('par-expires-in: the URL is good for as long as the provider says', async () => {
    const signIn = world.newCase({ requestUriLifetime: 30 });
    const { expires_at: expiresAt } = await signIn.begin('code');
    assert.ok(Math.abs(seconds(expiresAt) - Date.now() / 1000 - 30) < 10);
  });

  const failure = (status, error, more = {}) => ({
    instead: {
      status,
      headers: { 'content-type': 'application/json', ...more },
      body: error === undefined ? '' : JSON.stringify({ error, error_description: 'secret-looking text' }),
    },
  });
  const json = (change) => ({ json: change });

  for (const [id, tweak, expected] of [
    ['par-invalid-request', failure(400, 'invalid_request'), DENIED({ error: 'invalid_request' })],
    ['par-invalid-request-object', failure(400, 'invalid_request_object'), DENIED({ error: 'invalid_request_object' })],
    ['par-invalid-scope', failure(400, 'invalid_scope'), DENIED({ error: 'invalid_scope' })],
    ['par-invalid-client', failure(401, 'invalid_client'), REJECTED],
    ['par-401-without-body', failure(401), REJECTED],
    ['par-unauthorized-client', failure(400, 'unauthorized_client'), REJECTED],
    ['par-429', failure(429, undefined, { 'retry-after': '7' }), LIMITED],
    ['par-500', failure(500), UP],
    ['par-503', failure(503, 'temporarily_unavailable'), UP],
    ['par-reset', { instead: { reset: true } }, UP],
    ['par-405', failure(405), PROTO('JSON_MALFORMED')],
    ['par-413', failure(413), PROTO('JSON_MALFORMED')],
    ['par-302', { instead: { status: 302, headers: { location: 'https://evil.example/' } } }, PROTO('STATUS_UNEXPECTED')],
    ['par-200', { response: (answer) => ({ ...answer, status: 200 }) }, PROTO('STATUS_UNEXPECTED')],
    ['par-html', { response: (answer) => ({ ...answer, headers: { 'content-type': 'text/html' } }) }, PROTO('CONTENT_TYPE_UNSUPPORTED')],
    ['par-truncated', { response: (answer) => ({ ...answer, body: answer.body.slice(0, 20) }) }, PROTO('JSON_MALFORMED')],
    ['par-no-request-uri', json(({ expires_in: life }) => ({ expires_in: life })), PROTO('MEMBER_MISSING')],
    ['par-request-uri-number', json((body) => ({ ...body, request_uri: 7 })), PROTO('MEMBER_MALFORMED')],
    ['par-request-uri-relative', json((body) => ({ ...body, request_uri: '/x' })), PROTO('MEMBER_MALFORMED')],
    ['par-no-expires-in', json(({ request_uri: uri }) => ({ request_uri: uri })), PROTO('MEMBER_MISSING')],
    ['par-expires-in-text', json((body) => ({ ...body, expires_in: '60' })), PROTO('MEMBER_MALFORMED')],
    ['par-expires-in-zero', json((body) => ({ ...body, expires_in: 0 })), PROTO('MEMBER_MALFORMED')],
  ]) {
    it(id, async () => {
      const signIn = world.newCase();
      signIn.op.always('par', tweak);
      const error = await fails(signIn.begin('code'), expected);
      assert.doesNotMatch(JSON.stringify([error.message, error.facts]), /secret-looking/);
      assert.equal(signIn.count('par'), 1);
    });
  }

  it('par-hostile-request-uri: what it says stays one parameter', async () => {
    const signIn = world.newCase();
    signIn.op.next('par', json((body) => ({ ...body, request_uri: 'urn:x&redirect_uri=https%3A%2F%2Fevil' })));
    const sent = parameters((await signIn.begin('code')).authorization_url);
    assert.deepEqual(Object.keys(sent).sort(), ['client_id', 'request_uri']);
    assert.equal(sent.request_uri, 'urn:x&redirect_uri=https%3A%2F%2Fevil');
  });

  it('par-no-endpoint', async () => {
    const signIn = world.newCase({ metadataMembers: { pushed_authorization_request_endpoint: undefined } });
    await fails(signIn.begin('code'), MISCONFIGURED);
  });
});

describe('pushed authorization requests where the provider requires them', () => {
  it('par-required: the metadata decides', async () => {
    const world = await HostileWorld.start({ size: 2 });
    try {
      const forced = world.newCase({ metadataMembers: { require_pushed_authorization_requests: true } });
      await forced.run('code');
      assert.equal(forced.count('par'), 1);
      const free = world.newCase();
      await free.run('code');
      assert.equal(free.count('par'), 0);
    } finally {
      await world.stop();
    }
  });

  it('par-failure-leaves-nothing: the limit on pending sign-ins does not fill', async () => {
    const world = await HostileWorld.start({
      size: 1,
      client: { pushed_authorization_requests: 'when_offered' },
      config: { server: { limits: { max_pending_authorizations_per_caller: 1 } } },
    });
    try {
      const signIn = world.newCase();
      signIn.op.next('par', { instead: { status: 500 } }, 3);
      for (let i = 0; i < 3; ++i) await fails(signIn.begin('code'), UP);
      assert.ok((await signIn.begin('code')).authorization_url);
    } finally {
      await world.stop();
    }
  });
});

describe('signed authorization requests', () => {
  const pair = newKeyPair('ec', { namedCurve: 'P-256' });
  const key = { private_key: { file: keyFile(pair.privateKey) }, algorithm: 'ES256', key_id: 'jar-1' };

  const checked = (jwt) => {
    const [head, body, signature] = jwt.split('.');
    const input = Buffer.from(`${head}.${body}`);
    const options = { key: pair.publicKey, dsaEncoding: 'ieee-p1363' };
    assert.ok(verify('sha256', input, options, Buffer.from(signature, 'base64url')));
    assert.deepEqual(header(jwt), { alg: 'ES256', kid: 'jar-1', typ: 'oauth-authz-req+jwt' });
    return payload(jwt);
  };

  async function using(client, settings, run) {
    const world = await HostileWorld.start({ size: 1, client: { request_object_key: key, ...client } });
    try {
      await run(world.newCase(settings));
    } finally {
      await world.stop();
    }
  }

  it('jar-happy: everything is in the JWT', () => using({}, {}, async (signIn) => {
    const begun = await signIn.begin('code id_token', {
      max_age: { seconds: 600 },
      resources: ['https://api.example.org/a', 'https://api.example.org/b'],
    });
    const sent = parameters(begun.authorization_url);
    assert.deepEqual(Object.keys(sent).sort(), ['client_id', 'request', 'response_type', 'scope']);
    const claims = checked(sent.request);
    assert.equal(claims.iss, 'broker');
    assert.equal(claims.aud, signIn.op.issuer);
    assert.equal(claims.client_id, 'broker');
    assert.equal(claims.state, begun.state);
    assert.equal(claims.max_age, 600);
    assert.deepEqual(claims.resource, ['https://api.example.org/a', 'https://api.example.org/b']);
    assert.equal(claims.sub, undefined);
    assert.ok(claims.exp > claims.iat && claims.exp - claims.nbf <= 3600);
    assert.ok(claims.jti.length >= 16);
    assert.ok((await signIn.submit(signIn.authorize())).grant.grant_id);
  }));

  it('jar-pushed: the JWT is pushed alone', () => using(
    { pushed_authorization_requests: 'always' }, {}, async (signIn) => {
      const begun = await signIn.begin('code');
      assert.deepEqual(Object.keys(parameters(begun.authorization_url)).sort(), ['client_id', 'request_uri']);
      const [{ form }] = signIn.op.requests('par');
      assert.deepEqual(Object.keys(form).sort(), ['client_id', 'request']);
      assert.equal(checked(form.request).state, begun.state);
      assert.ok((await signIn.submit(signIn.authorize())).grant.grant_id);
    },
  ));

  it('jar-algorithm-unsupported', () => using(
    {},
    { metadataMembers: { request_object_signing_alg_values_supported: ['PS256'] } },
    (signIn) => fails(signIn.begin('code'), MISCONFIGURED),
  ));

  it('jar-required: a client without a key is told', async () => {
    const world = await HostileWorld.start({ size: 1 });
    try {
      const signIn = world.newCase({ metadataMembers: { require_signed_request_object: true } });
      await fails(signIn.begin('code'), MISCONFIGURED);
    } finally {
      await world.stop();
    }
  });
});
