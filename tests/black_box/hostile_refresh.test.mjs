// Refreshes that go wrong: at a provider with strict rotation, where one wrong step loses the grant.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from './harness/child.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { LIMITED, PROTO, REJECTED, RELOGIN, UP, fails } from './harness/expect.mjs';

describe('refreshing at a hostile provider', () => {
  let world;
  before(async () => {
    world = await HostileWorld.start({
      size: 60,
      provider: { request_timeout: '2s', connect_timeout: '1s' },
      client: { refresh: { floor: '0s' } },
    });
  });
  after(() => world?.stop());

  const set = (members) => ({ json: (body) => JSON.parse(JSON.stringify({ ...body, ...members })) });
  // Answers to a refresh that the provider does not carry out.
  const json = { 'content-type': 'application/json' };
  const status = (code, headers = {}) => ({
    instead: { status: code, headers: { ...json, ...headers }, body: '{}' },
  });
  const refusal = (code, error) => ({
    instead: { status: code, headers: json, body: JSON.stringify({ error }) },
  });

  // A finished sign-in, whose access token is `held`.
  async function signedIn(settings) {
    const signIn = world.newCase(settings);
    await signIn.run('code');
    signIn.held = (await signIn.token()).access_token;
    return signIn;
  }

  // Asks for another token than the one held.
  const renew = async (signIn, request = {}) => {
    const answer = await signIn.token({ rejected_access_token: signIn.held, ...request });
    signIn.held = answer.access_token;
    return answer;
  };
  const refreshes = (signIn) =>
    signIn.op.requests('token').filter(({ form }) => form.grant_type === 'refresh_token');

  it('ref-happy-rotating: the newest refresh token is used each time', async () => {
    const signIn = await signedIn();
    for (let i = 0; i < 3; ++i) await renew(signIn);
    const sent = refreshes(signIn).map(({ form }) => form.refresh_token);
    assert.equal(new Set(sent).size, 3);
    assert.deepEqual(Object.keys(refreshes(signIn)[0].form).sort(), ['grant_type', 'refresh_token']);
  });

  for (const refresh_token of [undefined, null, '']) {
    it(`ref-no-new-refresh-token: ${refresh_token === '' ? 'empty' : refresh_token} keeps the old one (R14)`, async () => {
      const signIn = await signedIn({ rotation: false });
      signIn.op.next('token', set({ refresh_token }));
      await renew(signIn);
      await renew(signIn);
      const sent = refreshes(signIn).map(({ form }) => form.refresh_token);
      assert.equal(new Set(sent).size, 1);
    });
  }

  it('ref-no-idtoken', async () => {
    const signIn = await signedIn();
    signIn.op.next('token', set({ id_token: undefined }));
    await renew(signIn);
  });

  it('ref-idtoken: one without a nonce is right', async () => {
    const signIn = await signedIn();
    await renew(signIn);
  });

  const change = (name, value) => (plan) => { plan.claims[name] = value(plan.claims[name]); };
  for (const [id, check, idToken] of [
    ['ref-idtoken-iss-changed', 'ISSUER_MISMATCH', change('iss', (v) => `${v}1`)],
    ['ref-idtoken-sub-changed', 'SUBJECT_MISMATCH', change('sub', (v) => `${v}1`)],
    ['ref-idtoken-aud-changed', 'AUDIENCE_MISMATCH', change('aud', (v) => `${v}1`)],
    ['ref-idtoken-athash-wrong', 'AT_HASH_MISMATCH', change('at_hash', (v) => `${v}1`)],
    ['ref-idtoken-signature/flipped', 'SIGNATURE_INVALID', (plan) => { plan.signature = (s) => Buffer.from(s.map((b) => b ^ 1)); }],
    ['ref-idtoken-signature/none', undefined, (plan) => { plan.header = { alg: 'none' }; plan.signature = () => Buffer.alloc(0); }],
    ['ref-idtoken-expired', 'TOKEN_EXPIRED', change('exp', (v) => v - 3600)],
  ]) {
    it(`${id}: nothing is handed out`, async () => {
      const signIn = await signedIn();
      signIn.op.next('token', { idToken });
      await fails(renew(signIn), PROTO(check));
    });
  }

  it('ref-idtoken-authtime-changed', async () => {
    const signIn = world.newCase({ claims: { auth_time: 1700000000 } });
    await signIn.run('code');
    signIn.held = (await signIn.token()).access_token;
    signIn.op.next('token', { idToken: change('auth_time', (v) => v + 1) });
    await fails(renew(signIn), PROTO('AUTH_TIME_MISMATCH'));
  });

  it('ref-bad-idtoken-keeps-or-kills-rt: the old refresh token is never sent again', async () => {
    const signIn = await signedIn();
    signIn.op.next('token', { idToken: change('sub', (v) => `${v}1`) });
    await fails(renew(signIn), PROTO('SUBJECT_MISMATCH'));
    await renew(signIn).catch(() => {});
    const sent = refreshes(signIn).map(({ form }) => form.refresh_token);
    assert.equal(new Set(sent).size, sent.length);
  });

  it('ref-scope-reduced: it is told, and not asked for again', async () => {
    const signIn = await signedIn();
    signIn.op.next('token', set({ scope: 'openid read' }));
    assert.deepEqual((await renew(signIn)).scopes, ['openid', 'read']);
    await renew(signIn);
    const scope = refreshes(signIn)[1].form.scope ?? '';
    assert.ok(!scope.includes('offline_access'));
  });

  it('ref-scope-missing: as before (R14)', async () => {
    const signIn = await signedIn();
    signIn.op.next('token', set({ scope: undefined }));
    assert.deepEqual((await renew(signIn)).scopes, ['offline_access', 'openid', 'read']);
  });

  it('ref-expires-absent (R15)', async () => {
    const signIn = await signedIn();
    signIn.op.next('token', set({ expires_in: undefined }));
    await renew(signIn);
    assert.equal((await signIn.token()).access_token, signIn.held);
  });

  it('ref-invalid-grant: never tried again (R10)', async () => {
    const signIn = await signedIn();
    signIn.op.always('token', refusal(400, 'invalid_grant'));
    await fails(renew(signIn), RELOGIN);
    await fails(renew(signIn), RELOGIN);
    assert.equal(refreshes(signIn).length, 1);
    const { grant } = await signIn.rpc.GetGrant({ grant_id: signIn.grantId });
    assert.equal(grant.state, 'GRANT_STATE_REAUTHORIZATION_REQUIRED');
  });

  // R10, and docs/decisions/2026-11-27-what-a-failed-refresh-leaves-open.md: only these say that the
  // provider has done nothing, so that the refresh token may be presented again at once.
  for (const [id, answer] of [
    ['503 with Retry-After', status(503, { 'retry-after': '1' })],
    ['temporarily_unavailable', refusal(503, 'temporarily_unavailable')],
  ]) {
    it(`ref-transient-5xx: after ${id} it goes on (R10)`, async () => {
      const signIn = await signedIn();
      signIn.op.next('token', answer);
      await fails(renew(signIn), UP);
      await eventually(() => renew(signIn), 'a refresh that works', 15000);
    });
  }

  // The provider has rotated by then: the old refresh token would end the grant.
  const failsLate = (code) => ({ response: (answer) => ({ ...answer, status: code, body: '{}' }) });
  for (const code of [500, 502, 503, 504]) {
    it(`ref-transient-5xx: after ${code} the refresh token waits for the access token's end (R10)`, async () => {
      const signIn = await signedIn();
      signIn.op.next('token', failsLate(code));
      await fails(renew(signIn), UP);
      await fails(renew(signIn), UP);
      assert.equal((await signIn.token()).access_token, signIn.held);
      assert.equal(refreshes(signIn).length, 1);
    });
  }

  it('ref-transient-5xx: once the access token has ended the refresh token is tried', async () => {
    const signIn = await signedIn({ rotation: false, expiresIn: 3 });
    signIn.op.next('token', failsLate(500));
    await fails(renew(signIn), UP);
    await eventually(() => renew(signIn), 'a refresh that works', 15000);
    assert.equal(refreshes(signIn).length, 2);
  });

  // R3: the old refresh token is spent, though nothing of the answer may be used.
  for (const [id, members] of [
    ['tok-type', { token_type: 'mac' }],
    ['tok-access-token-missing', { access_token: undefined }],
    ['tok-scope-type', { scope: 7 }],
  ]) {
    it(`ref-invalid-answer-keeps-rt/${id}: the new refresh token is kept (R3)`, async () => {
      const signIn = await signedIn();
      signIn.op.next('token', set(members));
      await fails(renew(signIn), PROTO());
      await renew(signIn);
      const sent = refreshes(signIn).map(({ form }) => form.refresh_token);
      assert.equal(new Set(sent).size, 2);
    });
  }

  it('ref-idtoken-keys-away: the check is repeated, never the refresh (R3)', async () => {
    const signIn = await signedIn();
    signIn.op.kid = 'rotated';
    signIn.op.jwks = signIn.op.jwks.map((key) => ({ ...key, kid: 'rotated' }));
    signIn.op.next('jwks', { instead: { status: 500 } }, 2);
    await renew(signIn);
    assert.equal(refreshes(signIn).length, 1);
    await renew(signIn);
    assert.ok(![...signIn.op.families.values()].some((family) => family.dead));
  });

  it('ref-transient-5xx: a token that is still good is served', async () => {
    const signIn = await signedIn();
    signIn.op.always('token', status(500));
    const answer = await signIn.token();
    assert.equal(answer.access_token, signIn.held);
  });

  it('ref-429: Retry-After is passed on (R12)', async () => {
    const signIn = await signedIn();
    signIn.op.next('token', status(429, { 'retry-after': '7' }));
    const error = await fails(renew(signIn), LIMITED);
    const delay = Number(error.retryInfo.retry_delay.seconds);
    assert.ok(delay >= 5 && delay <= 9, String(delay));
  });

  it('ref-invalid-client: the grant stays (R11)', async () => {
    const signIn = await signedIn({ rotation: false });
    signIn.op.next('token', refusal(401, 'invalid_client'));
    await fails(renew(signIn), REJECTED);
    const { grant } = await signIn.rpc.GetGrant({ grant_id: signIn.grantId });
    assert.equal(grant.state, 'GRANT_STATE_ACTIVE');
    // R11, R12: a client that is refused is no fault of the grant, and the provider is not asked again at once.
    await eventually(() => renew(signIn), 'a refresh that works', 15000);
  });

  it('ref-caller-cancels: the refresh lands all the same (R4)', async () => {
    const signIn = await signedIn();
    signIn.op.next('token', { response: (answer) => ({ ...answer, delayMs: 500 }) });
    const wish = { grant_id: signIn.grantId, rejected_access_token: signIn.held };
    const error = await signIn.rpc.GetAccessToken(wish, { deadlineMs: 100 }).catch((e) => e);
    assert.equal(error.code, 'DEADLINE_EXCEEDED');
    const fresh = async () => (await signIn.token()).access_token !== signIn.held;
    await eventually(fresh, 'the token of the refresh');
    assert.equal(refreshes(signIn).length, 1);
    await renew(signIn);
  });

  it('ref-single-flight: a hundred callers, one refresh', async () => {
    const signIn = await signedIn();
    signIn.op.next('token', { response: (answer) => ({ ...answer, delayMs: 100 }) });
    const wish = { rejected_access_token: signIn.held };
    const answers = await Promise.all(Array.from({ length: 100 }, () => signIn.token(wish)));
    assert.equal(new Set(answers.map((answer) => answer.access_token)).size, 1);
    assert.equal(refreshes(signIn).length, 1);
  });

  it('ref-reuse-detected: a stolen refresh token ends in a new sign-in', async () => {
    const signIn = await signedIn();
    const family = [...signIn.op.families.values()][0];
    await renew(signIn);
    family.dead = true;
    await fails(renew(signIn), RELOGIN);
  });

  it('ref-logout-during-refresh: a revoked grant stays dead', async () => {
    const signIn = await signedIn();
    signIn.op.next('token', { response: (answer) => ({ ...answer, delayMs: 400 }) });
    const late = renew(signIn).then(() => 'OK', (error) => error.reason);
    await eventually(() => refreshes(signIn).length === 1, 'the refresh leaves');
    await signIn.rpc.RevokeGrant({ grant_id: signIn.grantId });
    assert.notEqual(await late, undefined);
    await fails(signIn.token(), RELOGIN);
  });

  it('ref-offline-none-issued: no pointless call', async () => {
    const signIn = world.newCase();
    await signIn.run('code', { scopes: ['openid', 'read'] });
    signIn.held = (await signIn.token()).access_token;
    await fails(renew(signIn), RELOGIN);
    assert.equal(signIn.count('token'), 1);
  });
});
