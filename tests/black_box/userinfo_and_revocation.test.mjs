// The userinfo and revocation endpoints.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { PROTO, UP, fails } from './harness/expect.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { plain } from './harness/rpc.mjs';

let world;
before(async () => {
  world = await HostileWorld.start({ size: 60, provider: { request_timeout: '2s', connect_timeout: '1s' } });
});
after(() => world?.stop());

async function signedIn(settings) {
  const signIn = world.newCase(settings);
  await signIn.run('code');
  return signIn;
}

const body = (text, headers = {}) => ({
  response: (answer) => ({ ...answer, body: text, headers: { ...answer.headers, ...headers } }),
});
const status = (code, headers = {}) => ({ response: (answer) => ({ ...answer, status: code, headers, body: '' }) });

describe('userinfo', () => {
  const ask = (signIn) => signIn.rpc.GetUserInfo({ grant_id: signIn.grantId });

  it('ui-happy: the token goes in the header and nowhere else', async () => {
    const signIn = await signedIn({ userinfo: { email: 'ada@example.org', address: { country: 'AT' } } });
    const claims = plain((await ask(signIn)).claims);
    assert.deepEqual(claims, { sub: 'user-1', email: 'ada@example.org', address: { country: 'AT' } });
    const [request] = signIn.op.requests('userinfo');
    const { access_token: token } = await signIn.token();
    assert.equal(request.headers.authorization, `Bearer ${token}`);
    assert.equal(request.url, `/t/${signIn.id}/userinfo`);
    assert.equal(request.body, '');
  });

  for (const [id, text] of [
    ['ui-sub-missing', '{"email":"x"}'],
    ['ui-sub-other', '{"sub":"user-2"}'],
    ['ui-sub-prefix', '{"sub":"user-"}'],
    ['ui-sub-nul', '{"sub":"user-1\\u0000"}'],
    ['ui-sub-ambiguous/good-first', '{"sub":"user-1","sub":"victim"}'],
    ['ui-sub-ambiguous/good-last', '{"sub":"victim","sub":"user-1"}'],
    ['ui-sub-ambiguous/array', '{"sub":["user-1","victim"]}'],
    ['ui-sub-ambiguous/null', '{"sub":null}'],
    ['ui-not-object/array', '[{"sub":"user-1"}]'],
    ['ui-not-object/text', '"user-1"'],
    ['ui-not-object/HTML', '<html>'],
    ['ui-not-object/nothing', ''],
  ]) {
    it(id, async () => {
      const signIn = await signedIn();
      signIn.op.next('userinfo', body(text));
      const error = await ask(signIn).then(() => assert.fail('accepted'), (e) => e);
      const reasons = ['PROVIDER_RESPONSE_INVALID', 'SUBJECT_MISMATCH'];
      assert.ok(reasons.includes(error.reason), error.message);
    });
  }

  it('ui-format-downgrade: a JWT that says it is JSON', async () => {
    const signIn = await signedIn();
    signIn.op.next('userinfo', body('eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyLTEifQ.'));
    await fails(ask(signIn), PROTO());
  });

  it('ui-iss-claim-spoof: an issuer in it means nothing', async () => {
    const signIn = await signedIn({ userinfo: { iss: 'https://evil.example.org' } });
    await ask(signIn);
    const { grant } = await signIn.rpc.GetGrant({ grant_id: signIn.grantId });
    assert.equal(grant.issuer, signIn.op.issuer);
  });

  for (const code of [301, 302, 307]) {
    it(`ui-redirect: ${code} is not followed`, async () => {
      const [signIn, other] = [await signedIn(), world.newCase()];
      signIn.op.next('userinfo', status(code, { location: `${other.op.issuer}/userinfo` }));
      await ask(signIn).then(() => assert.fail('accepted'), () => {});
      assert.equal(other.op.log.length, 0);
    });
  }

  it('ui-oversize-slow: 50 MiB', async () => {
    const signIn = await signedIn();
    signIn.op.next('userinfo', body(JSON.stringify({ sub: 'user-1', x: 'x'.repeat(50 * 1024 * 1024) })));
    await ask(signIn).then(() => assert.fail('accepted'), () => {});
  });

  it('ui-oversize-slow: a byte at a time', async () => {
    const signIn = await signedIn();
    const text = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{"sub":"user-1"}';
    signIn.op.next('userinfo', { response: () => ({ drip: { text, ms: 200 } }) });
    const began = Date.now();
    await fails(ask(signIn), UP);
    assert.ok(Date.now() - began < 5000);
  });

  it('ui-email-syntax: what it says is passed on', async () => {
    const email = 'attacker@evil.com@company.com\r\nBcc: x';
    const signIn = await signedIn({ userinfo: { email } });
    assert.equal(plain((await ask(signIn)).claims).email, email);
  });

  it('ui-401: a token that the provider no longer takes is replaced or the user asked', async () => {
    const signIn = await signedIn();
    signIn.op.accessTokens.clear();
    const outcome = await ask(signIn).then(() => 'OK', (error) => error.reason);
    assert.ok(['OK', 'REAUTHORIZATION_REQUIRED', 'PROVIDER_RESPONSE_INVALID'].includes(outcome), outcome);
  });
});

describe('revocation', () => {
  const revoke = (signIn) => signIn.rpc.RevokeGrant({ grant_id: signIn.grantId });
  const gone = (signIn) =>
    fails(signIn.token(), { code: 'FAILED_PRECONDITION', reason: 'REAUTHORIZATION_REQUIRED' });

  it('rev-happy: the refresh token first', async () => {
    const signIn = await signedIn();
    assert.equal((await revoke(signIn)).revoked_at_provider, true);
    const sent = signIn.op.requests('revocation').map(({ form }) => form);
    assert.match(sent[0].token, /^rt_/);
    assert.equal(sent[0].token_type_hint, 'refresh_token');
    assert.match(signIn.op.requests('revocation')[0].headers.authorization, /^Basic /);
    await gone(signIn);
  });

  for (const [id, tweak] of [
    ['rev-unsupported-type', { response: (a, { form }) => (form.token.startsWith('at_') ? { ...a, status: 400, body: '{"error":"unsupported_token_type"}' } : a) }],
    ['rev-garbage-200', body('<html>')],
  ]) {
    it(id, async () => {
      const signIn = await signedIn();
      signIn.op.always('revocation', tweak);
      await revoke(signIn);
      await gone(signIn);
    });
  }

  it('rev-no-endpoint', async () => {
    const signIn = world.newCase();
    signIn.op.always('discovery', { json: ({ revocation_endpoint: _, ...rest }) => rest });
    await signIn.run('code');
    assert.equal((await revoke(signIn)).revoked_at_provider, false);
    await gone(signIn);
  });

  for (const [id, tweak] of [
    ['rev-redirect', status(302, { location: 'http://127.0.0.1:1/' })],
    ['rev-invalid-client', status(401)],
    ['rev-down/500', status(500)],
    ['rev-down/reset', { response: () => ({ reset: true }) }],
    ['rev-down/hang', { response: () => ({ hang: true }) }],
  ]) {
    it(`${id}: the grant is gone here in any case`, async () => {
      const signIn = await signedIn();
      signIn.op.always('revocation', tweak);
      assert.equal((await revoke(signIn)).revoked_at_provider, false);
      await gone(signIn);
    });
  }
});
