// The exchange of the code: what is sent, and every way in which the answer may be wrong.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { HostileWorld } from './harness/hostile_world.mjs';
import { eventually } from './harness/child.mjs';
import { PROTO, REJECTED, RELOGIN, STATE_UNKNOWN, UP, fails } from './harness/expect.mjs';
import { seconds } from './harness/rpc.mjs';

describe('the token endpoint', () => {
  let world;
  before(async () => {
    world = await HostileWorld.start({ size: 120, provider: { request_timeout: '2s', connect_timeout: '1s' } });
  });
  after(() => world?.stop());

  const set = (members) => ({ json: (body) => JSON.parse(JSON.stringify({ ...body, ...members })) });
  const text = (body, status = 200) => ({ response: (answer) => ({ ...answer, status, body }) });
  const refusal = (status, error) => ({
    response: (answer) => ({ ...answer, status, body: JSON.stringify({ error, error_description: 'x' }) }),
  });

  // Runs a sign-in whose token response is changed; returns the case.
  async function exchange(tweak, responseType = 'code') {
    const signIn = world.newCase();
    signIn.op.next('token', tweak);
    await signIn.run(responseType);
    return signIn;
  }

  // Expects the exchange to fail, with the code sent once and nothing stored.
  async function refused(tweak, expected, responseType = 'code') {
    const signIn = world.newCase();
    signIn.op.next('token', tweak);
    await signIn.begin(responseType);
    const callback = signIn.authorize();
    const error = await fails(signIn.submit(callback), expected);
    assert.equal(signIn.count('token'), 1);
    assert.deepEqual(await signIn.grants(), []);
    await fails(signIn.submit(callback), STATE_UNKNOWN);
    assert.equal(signIn.count('token'), 1, 'the code is not sent again');
    return { error, signIn };
  }

  it('tok-happy-request-shape', async () => {
    const signIn = world.newCase();
    await signIn.run('code');
    const [request] = signIn.op.requests('token');
    assert.equal(request.method, 'POST');
    assert.equal(request.url, `/t/${signIn.id}/token`);
    assert.match(request.headers['content-type'], /^application\/x-www-form-urlencoded(;|$)/);
    assert.match(request.headers.accept, /application\/json/);
    assert.match(request.headers.authorization, /^Basic /);
    assert.deepEqual(Object.keys(request.form).sort(), ['code', 'code_verifier', 'grant_type', 'redirect_uri']);
    assert.equal(request.form.redirect_uri, signIn.redirectUri);
    assert.match(request.form.code_verifier, /^[\w.~-]{43,128}$/);
  });

  it('tok-invalid-client', async () => {
    await refused(refusal(401, 'invalid_client'), REJECTED);
  });

  it('tok-invalid-grant', async () => {
    await refused(refusal(400, 'invalid_grant'), RELOGIN);
  });

  it('tok-error-and-token', async () => {
    await refused(set({ error: 'invalid_grant' }), PROTO());
  });

  for (const [kind, body] of Object.entries({
    HTML: '<html>no</html>', nothing: '', 'a number as error': '{"error": 7}', 'an array': '["error"]',
    'a description of 1 MiB': JSON.stringify({ error: 'odd', error_description: 'x'.repeat(1 << 20) }),
    'a huge description': JSON.stringify({ error: 'odd', error_description: 'x'.repeat(900_000) }),
  })) {
    it(`tok-error-body-garbage: 400 with ${kind}`, async () => {
      const { error } = await refused(text(body, 400), PROTO());
      assert.ok(error.message.length < 1000);
    });
  }

  for (const type of ['bearer', 'bEARER']) {
    it(`tok-type-case: ${type}`, async () => {
      const signIn = await exchange(set({ token_type: type }));
      assert.equal((await signIn.token()).token_type, 'Bearer');
    });
  }

  for (const [kind, token_type] of Object.entries({ DPoP: 'DPoP', mac: 'mac', number: 7, null: null, missing: undefined })) {
    it(`tok-type-dpop-unexpected: ${kind}`, () => refused(set({ token_type }), PROTO()));
  }

  it('tok-expires-missing: the lifetime is unknown, and the token is good', async () => {
    const signIn = await exchange(set({ expires_in: undefined }));
    const token = await signIn.token();
    if (token.expires_at) assert.ok(seconds(token.expires_at) > Date.now() / 1000 + 10);
    assert.equal(signIn.count('token'), 1);
  });

  // What says nothing is the provider's default, five minutes unless configured.
  for (const [expires, lifetime] of [[1e308, 300], [2 ** 63, 300], [-1e308, 0], [null, 300], [true, 300], ['abc', 300], [{}, 300], ['3600', 3600], [1800.7, 1800]]) {
    it(`tok-expires-weird: ${JSON.stringify(expires)} is ${lifetime} s`, async () => {
      const signIn = world.newCase();
      signIn.op.next('token', set({ expires_in: expires }));
      await signIn.run('code');
      const left = seconds((await signIn.grants())[0].access_token_expires_at) - Date.now() / 1000;
      assert.ok(Math.abs(left - lifetime) < 30, `${left} s`);
    });
  }

  for (const expires of [-1, 0]) {
    it(`tok-expires-weird: ${expires} makes no hot loop`, async () => {
      const signIn = world.newCase({ expiresIn: expires });
      const outcome = await signIn.run('code').then(() => 'OK', (error) => error.reason);
      assert.ok(['OK', 'PROVIDER_RESPONSE_INVALID'].includes(outcome), outcome);
      if (outcome === 'OK') await signIn.token().catch((error) => assert.equal(error.reason, 'PROVIDER_RESPONSE_INVALID'));
      assert.ok(signIn.count('token') <= 2);
    });
  }

  it('tok-scope-missing: what was asked for', async () => {
    const signIn = await exchange(set({ scope: undefined }));
    assert.deepEqual((await signIn.token()).scopes, ['offline_access', 'openid', 'read']);
  });

  it('tok-scope-narrowed', async () => {
    const signIn = await exchange(set({ scope: 'openid read' }));
    assert.deepEqual((await signIn.token()).scopes, ['openid', 'read']);
  });

  it('tok-scope-empty: nothing is granted, not everything', async () => {
    const signIn = await exchange(set({ scope: '' }));
    assert.deepEqual((await signIn.grants())[0].scopes, []);
  });

  it('tok-scope-widened: what was granted is told', async () => {
    const signIn = world.newCase();
    signIn.op.next('token', set({ scope: 'openid read admin' }));
    const { grant } = await signIn.run('code');
    assert.deepEqual(grant.scopes, ['admin', 'openid', 'read']);
  });

  it('tok-idtoken-missing', async () => {
    const { signIn } = await refused(set({ id_token: undefined }), PROTO());
    await revokes(signIn);
  });

  for (const id_token of [null, {}, 7, '']) {
    it(`tok-idtoken-type: ${JSON.stringify(id_token)}`, () => refused(set({ id_token }), PROTO()));
  }

  for (const refresh_token of [null, '']) {
    it(`tok-refresh-type: ${JSON.stringify(refresh_token)} is none`, async () => {
      const signIn = await exchange(set({ refresh_token }));
      assert.equal((await signIn.grants())[0].refreshable, false);
    });
  }

  for (const refresh_token of [7, {}]) {
    it(`tok-refresh-type: ${JSON.stringify(refresh_token)}`, () => refused(set({ refresh_token }), PROTO()));
  }

  for (const access_token of [undefined, null, '', 7, {}, 'new\nline', 'nön-ASCII']) {
    it(`tok-access-token: ${JSON.stringify(access_token)}`, () => refused(set({ access_token }), PROTO()));
  }

  for (const name of ['access_token', 'id_token']) {
    it(`tok-duplicate-members: ${name}`, () => refused({
      response: (answer) => ({ ...answer, body: `{"${name}":"x",${answer.body.slice(1)}` }),
    }, PROTO()));
  }

  for (const [kind, make] of Object.entries({
    truncated: (body) => body.slice(0, -1),
    'trailing garbage': (body) => `${body}x`,
    'two documents': (body) => `${body}${body}`,
    BOM: (body) => `\ufeff${body}`,
    array: (body) => `[${body}]`,
    NaN: (body) => body.replace(/"expires_in":\d+/, '"expires_in":NaN'),
    'form-encoded': () => 'access_token=x&token_type=Bearer',
    'UTF-16': (body) => Buffer.from(body, 'utf16le'),
    'invalid UTF-8': (body) => Buffer.concat([Buffer.from(`{"x":"`), Buffer.of(0xc3, 0x28), Buffer.from(`",${body.slice(1)}`)]),
    'deep nesting': (body) => `{"x":${'['.repeat(50000)}${']'.repeat(50000)},${body.slice(1)}`,
  })) {
    it(`tok-json-broken: ${kind}`, () => refused({
      response: (answer) => ({ ...answer, body: make(answer.body) }),
    }, PROTO()));
  }

  for (const type of ['text/html', 'text/plain', 'application/x-www-form-urlencoded', undefined]) {
    it(`tok-content-type: ${type}`, () => refused({
      response: ({ headers: { 'content-type': _, ...headers }, ...answer }) => ({
        ...answer,
        headers: { ...headers, ...(type && { 'content-type': type }) },
      }),
    }, PROTO()));
  }

  it('tok-content-type: parameters do not matter', async () => {
    await exchange({
      response: (answer) => ({ ...answer, headers: { 'content-type': 'Application/JSON; charset=UTF-8' } }),
    });
  });

  for (const status of [201, 204, 206, 304, 418]) {
    it(`tok-status-odd: ${status}`, () => refused({
      response: (answer) => ({ ...answer, status, body: [204, 304].includes(status) ? '' : answer.body }),
    }, PROTO()));
  }

  it('tok-oversize: a 50 MiB body', () => refused(text(JSON.stringify({ x: 'x'.repeat(50 * 1024 * 1024) })), PROTO()));

  it('tok-large-token: 64 KiB is normal', async () => {
    const access_token = 'x'.repeat(64 * 1024 - 1);
    const signIn = world.newCase();
    signIn.op.next('token', { ...set({ access_token }), idToken: (plan) => { delete plan.claims.at_hash; } });
    await signIn.run('code');
    assert.equal((await signIn.token()).access_token, access_token);
  });

  it('tok-no-blind-retry: the answer is lost', async () => {
    await refused({ response: (answer) => ({ ...answer, reset: true }) }, UP);
  });

  it('tok-no-blind-retry: no answer in time', async () => {
    await refused({ response: (answer) => ({ ...answer, hang: true }) }, { code: 'DEADLINE_EXCEEDED', reason: 'DEADLINE_EXCEEDED' });
  });

  it('tok-discard-on-idtoken-failure: the tokens are revoked', async () => {
    const wrong = { idToken: (plan) => { plan.claims.nonce += '1'; } };
    const { signIn } = await refused(wrong, PROTO('NONCE_MISMATCH'));
    await revokes(signIn);
  });

  for (const name of ['sub', 'iss']) {
    it(`idt-hybrid-${name}-mismatch`, async () => {
      const other = { idToken: (plan) => { plan.claims[name] += '2'; } };
      await refused(other, PROTO(name === 'sub' ? 'SUBJECT_MISMATCH' : 'ISSUER_MISMATCH'), 'code id_token');
    });
  }

  it('idt-athash-crossed: the second ID token binds the second access token', async () => {
    const signIn = world.newCase();
    let front;
    signIn.op.next('authorize', { idToken: (plan) => { front = plan.claims.at_hash; } });
    signIn.op.next('token', { idToken: (plan) => { plan.claims.at_hash = front; } });
    await fails(signIn.run('code id_token token'), PROTO('AT_HASH_MISMATCH'));
  });

  it('idt-hybrid-fewer-claims-front: claims are those of the second one', async () => {
    const signIn = world.newCase();
    signIn.op.next('token', { idToken: (plan) => { plan.claims.name = 'Ada'; delete plan.claims.at_hash; } });
    const answer = await signIn.run('code id_token');
    assert.equal(answer.id_token_claims.fields.name.stringValue, 'Ada');
  });

  it('tok-code-token-injected-front: the front-channel token goes nowhere', async () => {
    const signIn = world.newCase();
    signIn.op.next('authorize', {
      params: (list) => list.map(([k, v]) => [k, k === 'access_token' ? 'of-the-attacker' : v]),
    });
    const answer = await signIn.run('code token');
    assert.equal(answer.front_channel_access_token, '');
    assert.notEqual((await signIn.token()).access_token, 'of-the-attacker');
  });

  async function revokes(signIn) {
    await eventually(() => signIn.count('revocation') > 0, 'a revocation');
  }
});
