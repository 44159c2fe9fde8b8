// Refreshes whose answer is lost, raced or forged; none may lose the grant or let a stranger have it.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { redisStore } from './harness/broker.mjs';
import { eventually } from './harness/child.mjs';
import { PROTO, RELOGIN, UP, fails } from './harness/expect.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { Redis } from './harness/redis.mjs';
import { StagedMachine } from './harness/staged_machine.mjs';

const set = (members) => ({ json: (body) => JSON.parse(JSON.stringify({ ...body, ...members })) });

// Functions for one world of cases that refresh.
function refreshing(worldOf) {
  async function signedIn(settings, request) {
    const signIn = worldOf().newCase(settings);
    await signIn.run('code', request);
    signIn.held = (await signIn.token()).access_token;
    return signIn;
  }
  const renew = async (signIn, request = {}) => {
    const answer = await signIn.token({ rejected_access_token: signIn.held, ...request });
    signIn.held = answer.access_token;
    return answer;
  };
  const refreshes = (signIn) => signIn.op.requests('token').filter(({ form }) => form.grant_type === 'refresh_token');
  return { signedIn, renew, refreshes };
}

describe('refreshes under attack', () => {
  let world;
  const machine = new StagedMachine();
  before(async () => {
    world = await HostileWorld.start({
      size: 40,
      provider: { request_timeout: '2s', connect_timeout: '1s' },
      client: { refresh: { floor: '0s' } },
      options: { machine },
    });
  });
  after(() => world?.stop());
  const { signedIn, renew, refreshes } = refreshing(() => world);

  it('ref-same-refresh-token: one that comes back as it was goes on being used', async () => {
    const signIn = await signedIn({ rotation: false });
    const [token] = signIn.op.families.keys();
    signIn.op.always('token', set({ refresh_token: token }));
    for (let i = 0; i < 3; ++i) await renew(signIn);
    assert.deepEqual(refreshes(signIn).map(({ form }) => form.refresh_token), [token, token, token]);
    assert.equal((await signIn.grants())[0].refreshable, true);
  });

  const azp = (value) => (plan) => { if (value === undefined) delete plan.claims.azp; else plan.claims.azp = value; };
  for (const [kind, first, later] of [
    ['changed', undefined, 'somebody'], ['added', undefined, 'broker'], ['dropped', 'broker', undefined],
  ]) {
    it(`ref-idtoken-azp-changed: ${kind}`, async () => {
      const signIn = world.newCase();
      signIn.op.next('token', { idToken: azp(first) });
      await signIn.run('code');
      signIn.held = (await signIn.token()).access_token;
      signIn.op.next('token', { idToken: azp(later) });
      await fails(renew(signIn), PROTO('AZP_MISMATCH'));
      const [sent] = refreshes(signIn);
      signIn.op.next('token', { idToken: azp(first) });
      await renew(signIn);
      assert.notEqual(refreshes(signIn)[1].form.refresh_token, sent.form.refresh_token, 'the rotated one is kept');
    });
  }

  it('ref-idtoken-azp-changed: one that stays is right', async () => {
    const signIn = await signedIn({ claims: { azp: 'broker' } });
    await renew(signIn);
  });

  for (const [name, value] of [['nonce', 'another'], ['iat', 'text'], ['exp', undefined], ['sub', ''], ['iss', null]]) {
    it(`ref-idtoken-claims: ${name} = ${JSON.stringify(value)}`, async () => {
      const signIn = await signedIn();
      signIn.op.next('token', { idToken: (plan) => { plan.claims = JSON.parse(JSON.stringify({ ...plan.claims, [name]: value })); } });
      await fails(renew(signIn), PROTO());
    });
  }

  it('ref-idtoken-signature/foreign-key: nothing is handed out', async () => {
    const [signIn, other] = [await signedIn({ alg: 'ES256' }), await signedIn({ alg: 'RS256' })];
    signIn.op.next('token', { idToken: (plan) => Object.assign(plan, { alg: 'RS256', header: { alg: 'RS256', kid: other.op.kid } }) });
    await fails(renew(signIn), PROTO());
  });

  it('ref-lost-response: the token is served to its end, and only then the old refresh token is tried, once (R5)', async () => {
    const signIn = await signedIn();
    signIn.op.next('token', { response: () => ({ reset: true }) });
    const { held } = signIn;
    await fails(renew(signIn), UP);
    for (let i = 0; i < 5; ++i) {
      assert.equal((await signIn.token()).access_token, held);
      await fails(signIn.token({ rejected_access_token: held }), UP);
    }
    assert.equal(refreshes(signIn).length, 1);
    machine.moveClock(3601);
    signIn.op.clockAhead = machine.ahead;
    // This provider has rotated and takes the second use for an attack: only its word ends the grant.
    await fails(signIn.token(), RELOGIN);
    await fails(signIn.token(), RELOGIN);
    assert.equal(refreshes(signIn).length, 2);
  });

  it('ref-lost-response: a provider that had not rotated goes on after that', async () => {
    const signIn = await signedIn({ rotation: false, clockAhead: machine.ahead });
    signIn.op.next('token', { response: () => ({ reset: true }) });
    await fails(renew(signIn), UP);
    machine.moveClock(3601);
    signIn.op.clockAhead = machine.ahead;
    await renew(signIn);
    assert.equal(refreshes(signIn).length, 2);
  });

  it('ref-userinfo-sub-after-refresh: another subject there is refused', async () => {
    const signIn = await signedIn({ clockAhead: machine.ahead });
    signIn.op.next('token', set({ id_token: undefined }));
    await renew(signIn);
    signIn.op.next('userinfo', set({ sub: 'victim' }));
    const error = await signIn.rpc.GetUserInfo({ grant_id: signIn.grantId }).then(() => assert.fail('accepted'), (e) => e);
    assert.deepEqual([error.code, error.facts.check ?? error.reason], ['INTERNAL', 'SUBJECT_MISMATCH'], error.message);
  });

  it('ref-bad-idtoken-keeps-or-kills-rt: the refresh token that came with a bad ID token is used next', async () => {
    const signIn = await signedIn({ clockAhead: machine.ahead });
    signIn.op.next('token', { idToken: (plan) => { plan.signature = (bytes) => Buffer.from(bytes.map((b) => b ^ 1)); } });
    await fails(renew(signIn), PROTO('SIGNATURE_INVALID'));
    const [family] = new Set(signIn.op.families.values());
    const rotated = family.current;
    await renew(signIn);
    assert.equal(refreshes(signIn)[1].form.refresh_token, rotated);
    assert.equal(family.dead, false);
  });

  it('ref-bad-idtoken-keeps-or-kills-rt: another subject ends the grant and revokes what came', async () => {
    const signIn = await signedIn({ clockAhead: machine.ahead });
    signIn.op.next('token', { idToken: (plan) => { plan.claims.sub = 'victim'; } });
    await fails(renew(signIn), PROTO('SUBJECT_MISMATCH'));
    await fails(signIn.token(), RELOGIN);
    await eventually(() => signIn.count('revocation') > 0, 'a revocation');
    assert.equal(refreshes(signIn).length, 1);
  });

  it('rev-unknown-token: a token that the provider no longer knows is revoked all the same', async () => {
    const signIn = await signedIn({ clockAhead: machine.ahead });
    signIn.op.families.clear();
    signIn.op.accessTokens.clear();
    assert.equal((await signIn.rpc.RevokeGrant({ grant_id: signIn.grantId })).revoked_at_provider, true);
    await fails(signIn.token(), RELOGIN);
  });

  it('ui-scope-claims: what the scopes stand for is passed on', async () => {
    const userinfo = {
      name: 'Ada Lovelace', given_name: 'Ada', updated_at: 1700000000, email: 'ada@example.org', email_verified: true,
      address: { formatted: '1 St\nLondon', country: 'GB' }, phone_number: '+44 1', phone_number_verified: false,
    };
    const signIn = await signedIn({ userinfo, clockAhead: machine.ahead });
    const { plain } = await import('./harness/rpc.mjs');
    assert.deepEqual(plain((await signIn.rpc.GetUserInfo({ grant_id: signIn.grantId })).claims), { sub: 'user-1', ...userinfo });
  });
});

describe('refreshes at a provider that forgives a second use for a while', () => {
  let world;
  before(async () => {
    world = await HostileWorld.start({
      size: 4,
      provider: { request_timeout: '2s', connect_timeout: '1s', refresh_token_reuse_leeway: '1m' },
      client: { refresh: { floor: '0s' } },
    });
  });
  after(() => world?.stop());
  const { signedIn, renew, refreshes } = refreshing(() => world);

  it('ref-lost-response: inside the leeway the refresh token is replayed promptly, and once (R5)', async () => {
    const signIn = await signedIn({ reuseLeeway: true });
    signIn.op.next('token', { response: () => ({ reset: true }) });
    await renew(signIn); // in the same refresh: later the leeway may be over
    const sent = refreshes(signIn).map(({ form }) => form.refresh_token);
    assert.deepEqual([sent.length, new Set(sent).size], [2, 1]);
    await renew(signIn);
    assert.notEqual(refreshes(signIn)[2].form.refresh_token, sent[0]);
  });

  it('ref-lost-response: a replay that is lost as well is the last', async () => {
    const signIn = await signedIn({ reuseLeeway: true });
    signIn.op.next('token', { response: () => ({ reset: true }) }, 2);
    for (let i = 0; i < 4; ++i) await fails(renew(signIn), UP);
    assert.equal(refreshes(signIn).length, 2);
    assert.equal((await signIn.token()).access_token, signIn.held);
  });
});

describe('refreshes where the provider\'s habits are allowed for', () => {
  let world;
  before(async () => {
    world = await HostileWorld.start({
      size: 4,
      provider: { compatibility: { accept_changed_authorized_party: true, accept_changed_auth_time: true } },
      client: { refresh: { floor: '0s' } },
    });
  });
  after(() => world?.stop());
  const { signedIn, renew } = refreshing(() => world);

  it('ref-idtoken-azp-changed: with the switch it is taken', async () => {
    const signIn = await signedIn({ claims: { azp: 'broker' } });
    signIn.op.next('token', { idToken: (plan) => { delete plan.claims.azp; } });
    await renew(signIn);
  });

  it('ref-idtoken-authtime-changed: with the switch it is taken', async () => {
    const signIn = await signedIn({ claims: { auth_time: 1700000000 } });
    signIn.op.next('token', { idToken: (plan) => { plan.claims.auth_time += 60; } });
    await renew(signIn);
  });

  it('ref-idtoken-sub-changed: no switch helps that', async () => {
    const signIn = await signedIn();
    signIn.op.next('token', { idToken: (plan) => { plan.claims.sub = 'victim'; } });
    await fails(renew(signIn), PROTO('SUBJECT_MISMATCH'));
  });
});

describe('refreshes that two replicas race for', () => {
  let redis;
  let world;
  let other;
  before(async () => {
    redis = await Redis.start();
    world = await HostileWorld.start({
      size: 4,
      provider: { refresh_token_reuse_leeway: '1m' },
      client: { refresh: { floor: '0s' } },
      config: redisStore(redis.port),
    });
    other = await world.addReplica();
  });
  after(async () => {
    await other?.stop();
    await world?.stop();
    await redis?.stop();
  });
  const { signedIn, renew, refreshes } = refreshing(() => world);

  it('ref-invalid-grant-sibling: a refusal that a sibling\'s refresh explains is not believed (R6)', async () => {
    const signIn = await signedIn({ reuseLeeway: true });
    const refused = { status: 400, headers: { 'content-type': 'application/json' }, body: '{"error":"invalid_grant"}' };
    let answer;
    const held = new Promise((resolve) => { answer = resolve; });
    signIn.op.next('token', { instead: { ...refused, when: held } });
    const slow = signIn.token({ rejected_access_token: signIn.held });
    await eventually(() => refreshes(signIn).length === 1, 'the first refresh leaves');
    // The lease is lost, as if the first replica had been paused for too long.
    const selector = { grant_id: signIn.grantId, rejected_access_token: signIn.held };
    const fresh = await eventually(() => {
      redis.remove(...redis.keys('tb:lease:*'), 'none');
      return other.rpc.GetAccessToken(selector, { deadlineMs: 1000 });
    }, 'the other replica refreshes');
    answer();
    assert.equal((await slow).access_token, fresh.access_token);
    assert.equal((await signIn.token()).access_token, fresh.access_token);
    signIn.held = fresh.access_token;
    await renew(signIn);
  });

  it('ref-invalid-grant-sibling: where nobody else refreshed it is', async () => {
    const signIn = await signedIn();
    signIn.op.families.clear();
    await fails(renew(signIn), RELOGIN);
    await fails(other.rpc.GetAccessToken({ grant_id: signIn.grantId }), RELOGIN);
  });
});
