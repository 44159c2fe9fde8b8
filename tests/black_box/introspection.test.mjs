// Access tokens that the provider is asked to confirm (RFC 7662).
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from './harness/child.mjs';
import { MISCONFIGURED, PROTO, REJECTED, UP, fails } from './harness/expect.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';

let world;
before(async () => {
  world = await HostileWorld.start({
    size: 40,
    client: { confirm_access_tokens: true },
    provider: { request_timeout: '1s', connect_timeout: '500ms' },
  });
});
after(() => world?.stop());

const json = (members) => ({ json: (body) => ({ ...body, ...members }) });
const status = (code, body = '') => ({ response: (answer) => ({ ...answer, status: code, body }) });
const text = (body, headers = {}) => ({ response: (answer) => ({ ...answer, body, headers: { ...answer.headers, ...headers } }) });

const REFUSED = [
  ['int-inactive', 'TOKEN_INACTIVE', { json: () => ({ active: false }) }],
  ['int-active-type/text', 'CLAIM_MALFORMED', json({ active: 'true' })],
  ['int-active-type/number', 'CLAIM_MALFORMED', json({ active: 1 })],
  ['int-active-type/absent', 'CLAIM_MISSING', json({ active: undefined })],
  ['int-active-twice', 'JSON_MALFORMED', text('{"active":false,"active":true}')],
  ['int-sub-other', 'SUBJECT_MISMATCH', json({ sub: 'victim' })],
  ['int-client-other', 'CLIENT_MISMATCH', json({ client_id: 'another' })],
  ['int-iss-other', 'ISSUER_MISMATCH', json({ iss: 'https://evil.example.org' })],
  ['int-expired', 'TOKEN_EXPIRED', json({ exp: 1 })],
  ['int-content-type', 'CONTENT_TYPE_UNSUPPORTED', text('{"active":true}', { 'content-type': 'text/html' })],
  ['int-not-json', 'JSON_MALFORMED', text('<html>')],
  ['int-redirect', 'STATUS_UNEXPECTED', status(302)],
];

describe('introspection', () => {
  it('int-happy: asked once for each new token, in the body alone', async () => {
    const at = world.newCase();
    await at.run('code id_token');
    const { access_token: first } = await at.token();
    await at.token();
    const { access_token: second } = await at.token({ rejected_access_token: first });
    const asked = at.op.requests('introspection');
    assert.deepEqual(asked.map(({ form }) => form), [
      { token: first, token_type_hint: 'access_token' },
      { token: second, token_type_hint: 'access_token' },
    ]);
    for (const { method, headers, url } of asked) {
      assert.equal(method, 'POST');
      assert.match(headers.authorization, /^Basic /);
      assert.ok(!url.includes(first));
    }
  });

  it('int-bare: nothing but `active` is enough', async () => {
    const at = world.newCase();
    at.op.always('introspection', { json: () => ({ active: true }) });
    await at.run('code');
    await at.token();
  });

  for (const [id, check, tweak] of REFUSED) {
    it(`${id}: no grant, and the tokens are revoked`, async () => {
      const at = world.newCase();
      at.op.always('introspection', tweak);
      await fails(at.run('code'), PROTO(check));
      assert.deepEqual(await at.grants(), []);
      await eventually(() => at.count('revocation') > 0, 'the tokens are revoked');
    });
  }

  it('int-refresh: the token is not released, the rotated refresh token is kept', async () => {
    const at = world.newCase();
    await at.run('code');
    const { access_token: first } = await at.token();
    at.op.next('introspection', { json: () => ({ active: false }) });
    await fails(at.token({ rejected_access_token: first }), PROTO('TOKEN_INACTIVE'));
    const { access_token: next } = await at.token({ rejected_access_token: first });
    assert.notEqual(next, first);
  });

  for (const [id, tweak] of [['int-down/503', status(503)], ['int-down/reset', { response: () => ({ reset: true }) }], ['int-down/hang', { response: () => ({ hang: true }) }]]) {
    it(`${id}: asked again, then given up`, async () => {
      const at = world.newCase();
      at.op.always('introspection', tweak);
      await fails(at.run('code'), UP);
      assert.ok(at.count('introspection') > 1);
      assert.deepEqual(await at.grants(), []);
    });
  }

  it('int-down/once: a stumble costs nothing', async () => {
    const at = world.newCase();
    at.op.next('introspection', status(503));
    await at.run('code');
    await at.token();
  });

  it('int-invalid-client', async () => {
    const at = world.newCase();
    at.op.always('introspection', status(401, '{"error":"invalid_client"}'));
    await fails(at.run('code'), REJECTED);
  });

  it('int-error-of-a-grant: the user need not sign in again for it', async () => {
    const at = world.newCase();
    await at.run('code');
    const { access_token: first } = await at.token();
    at.op.next('introspection', status(400, '{"error":"invalid_grant"}'));
    await fails(at.token({ rejected_access_token: first }), PROTO('ERROR_UNEXPECTED'));
    // R12: the provider is not asked again at once.
    await eventually(() => at.token({ rejected_access_token: first }), 'a refresh that works', 15000);
  });

  it('int-no-endpoint: the code is not spent', async () => {
    const at = world.newCase();
    at.op.always('discovery', { json: ({ introspection_endpoint: _, ...rest }) => rest });
    await fails(at.run('code'), MISCONFIGURED);
    assert.equal(at.count('token'), 0);
  });

  it('int-not-configured: nobody is asked', async () => {
    const quiet = await HostileWorld.start({ size: 1 });
    try {
      const at = quiet.newCase();
      await at.run('code');
      assert.equal(at.count('introspection'), 0);
    } finally {
      await quiet.stop();
    }
  });
});
