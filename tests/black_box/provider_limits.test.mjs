// What a provider bears: its limits, its outages, and how many requests reach it then.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { redisStore } from './harness/broker.mjs';
import { eventually } from './harness/child.mjs';
import { LIMITED, UP, fails } from './harness/expect.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { Redis } from './harness/redis.mjs';

const json = { 'content-type': 'application/json' };
const answer = (status, headers = {}, body = '{}') => ({ instead: { status, headers: { ...json, ...headers }, body } });
const inSeconds = (seconds) => new Date(Date.now() + seconds * 1000).toUTCString();
const refreshes = ({ op }) => op.requests('token').filter(({ form }) => form.grant_type === 'refresh_token');
const outcome = (call) => call.then(() => 'OK', (error) => error.reason);
const retryDelay = (error) => Number(error.retryInfo.retry_delay.seconds);
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

const AUTH0_LIMIT = JSON.stringify({ error: 'access_denied', error_description: 'Global limit has been reached' });

async function signedIn(signIn) {
  await signIn.run('code');
  signIn.held = (await signIn.token()).access_token;
  return signIn;
}

// Asks for another token than the one held.
const renew = (signIn, rpc = signIn.rpc) =>
  rpc.GetAccessToken({ grant_id: signIn.grantId, rejected_access_token: signIn.held });

describe('a provider at its limits', () => {
  let world;
  before(async () => {
    world = await HostileWorld.start({
      size: 20,
      provider: {
        request_timeout: '2s',
        connect_timeout: '1s',
        circuit_breaker: { failures: 3, open_for: '4s', open_for_at_most: '4s' },
      },
      client: { refresh: { floor: '0s' } },
    });
  });
  after(() => world?.stop());

  for (const [name, tweak] of [
    ['Retry-After in seconds', () => answer(429, { 'retry-after': '30' })],
    ['Retry-After as a date', () => answer(429, { 'retry-after': inSeconds(30) })],
    ['503 with Retry-After', () => answer(503, { 'retry-after': '30' })],
  ]) {
    it(`R12, ref-429: ${name} keeps everybody away that long`, async () => {
      const one = await signedIn(world.newCase());
      const other = await signedIn(one.another());
      one.op.always('token', tweak());
      const before = one.count('token');
      const refusal = await renew(one).catch((error) => error);
      assert.ok(refusal.retryInfo, refusal.message);
      const seconds = retryDelay(refusal);
      assert.ok(seconds >= 28 && seconds <= 30, String(seconds));
      const next = await fails(renew(other), LIMITED);
      assert.ok(retryDelay(next) >= 28 && retryDelay(next) <= 40, String(retryDelay(next)));
      assert.equal(one.count('token'), before + 1);
      // What is good is served all the same, and a limit ends no grant.
      assert.equal((await one.token()).access_token, one.held);
      assert.equal((await other.token()).access_token, other.held);
    });
  }

  it('R12: a sign-in while the provider cools down is not used up', async () => {
    const one = await signedIn(world.newCase());
    one.op.next('token', answer(429, { 'retry-after': '2' }));
    await renew(one).catch(() => {});
    const late = one.another();
    await late.begin();
    const callback = late.authorize();
    await fails(late.submit(callback), LIMITED);
    await eventually(() => late.submit(callback), 'the same callback, later', 20000);
  });

  it('R12: x-ratelimit headers are kept to before the provider has to refuse', async () => {
    const one = await signedIn(world.newCase());
    const other = await signedIn(one.another());
    const reset = String(Math.floor(Date.now() / 1000) + 30);
    one.op.next('token', {
      response: (plain) => ({
        ...plain,
        headers: { ...plain.headers, 'x-ratelimit-limit': '100', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset },
      }),
    });
    one.held = (await renew(one)).access_token;
    const before = one.count('token');
    const error = await fails(renew(other), LIMITED);
    assert.ok(retryDelay(error) >= 25 && retryDelay(error) <= 40, String(retryDelay(error)));
    assert.equal(one.count('token'), before);
  });

  it("R12: Auth0's 500 access_denied is a limit, and leaves nothing in doubt", async () => {
    const one = await signedIn(world.newCase());
    one.op.next('token', answer(500, {}, AUTH0_LIMIT));
    await fails(renew(one), LIMITED);
    // A grant whose outcome is unknown would not be refreshed before its access token ends.
    await eventually(() => renew(one), 'a refresh that works', 20000);
    assert.equal(refreshes(one).length, 2);
  });

  it('R12: a thousand callers of a grant that cannot be refreshed make few requests', async () => {
    const one = await signedIn(world.newCase());
    one.op.always('token', answer(400, {}, '{"error":"invalid_scope"}'));
    const outcomes = new Set();
    for (let wave = 0; wave < 10; ++wave) {
      const calls = Array.from({ length: 100 }, () => outcome(renew(one)));
      for (const reason of await Promise.all(calls)) outcomes.add(reason);
    }
    assert.deepEqual([...outcomes], ['PROVIDER_DENIED']);
    assert.ok(refreshes(one).length <= 10, String(refreshes(one).length));
  });

  it('R10: an outage is answered at once, tokens stay good, and the end of it is noticed', async () => {
    const grants = [];
    const first = await signedIn(world.newCase());
    grants.push(first);
    for (let i = 1; i < 12; ++i) grants.push(await signedIn(first.another()));
    const before = first.count('token');
    first.op.always('token', answer(503));
    for (const signIn of grants) await fails(renew(signIn), UP);
    const during = first.count('token') - before;
    assert.ok(during >= 3 && during <= 5, String(during));
    for (const signIn of grants) assert.equal((await signIn.token()).access_token, signIn.held);
    const error = await fails(renew(first), UP);
    assert.ok(retryDelay(error) <= 5);
    first.op.tweaks.delete('token');
    // What became of the requests that the provider answered by 503 is not known: those grants keep their tokens.
    let unknown = 0;
    for (const signIn of grants) {
      const outcome = await eventually(
        () => renew(signIn).then(() => 'OK', (e) => {
          if (e.facts.cause === 'outcome_unknown') return e.facts.cause;
          throw e;
        }),
        'a refresh that works', 30000);
      if (outcome === 'OK') continue;
      ++unknown;
      assert.equal((await signIn.token()).access_token, signIn.held);
    }
    assert.ok(unknown <= during, String(unknown));
    for (const { rpc, grantId } of grants) {
      assert.equal((await rpc.GetGrant({ grant_id: grantId })).grant.state, 'GRANT_STATE_ACTIVE');
    }
  });

  it('R12: failing tokens at one endpoint do not stop another', async () => {
    const one = await signedIn(world.newCase());
    const rest = await Promise.all([1, 2, 3].map(() => signedIn(one.another())));
    one.op.always('token', answer(503));
    for (const signIn of rest) await fails(renew(signIn), UP);
    await one.rpc.RevokeGrant({ grant_id: one.grantId });
    assert.ok(one.count('revocation') > 0);
  });
});

describe('a provider that is asked no more often than configured', () => {
  let world;
  before(async () => {
    world = await HostileWorld.start({
      size: 1,
      provider: { rate_limit: { requests_per_second: 5, burst: 3 } },
      client: { refresh: { floor: '0s' } },
    });
  });
  after(() => world?.stop());

  it('R12: the rate holds however many ask', async () => {
    const first = await signedIn(world.newCase());
    const grants = [first];
    for (let i = 1; i < 10; ++i) grants.push(await signedIn(first.another()));
    const began = Date.now();
    await Promise.all(grants.map((signIn) => renew(signIn)));
    const times = refreshes(first).map(({ at }) => at).sort((a, b) => a - b);
    assert.equal(times.length, 10);
    // Ten at five a second with three at once: seven have to wait for theirs.
    assert.ok(times[9] - began >= 1200, String(times[9] - began));
    for (let i = 4; i < times.length; ++i) {
      assert.ok(times[i] - times[i - 4] >= 150, `five in ${times[i] - times[i - 4]} ms`);
    }
  });
});

describe('replicas at a provider with limits', () => {
  let redis;
  let world;
  let other;
  before(async () => {
    redis = await Redis.start();
    world = await HostileWorld.start({
      size: 5,
      config: redisStore(redis.port),
      client: { refresh: { floor: '0s' } },
    });
    other = await world.addReplica();
  });
  after(async () => {
    await other?.stop();
    await world?.stop();
    await redis?.stop();
  });

  it('R12: what one is told to wait, all wait', async () => {
    const one = await signedIn(world.newCase());
    const another = await signedIn(one.another());
    one.op.always('token', answer(429, { 'retry-after': '30' }));
    await fails(renew(one), LIMITED);
    await pause(150); // how long a replica takes what it knows for granted, and a little
    const before = one.count('token');
    const error = await fails(renew(another, other.rpc), LIMITED);
    assert.ok(retryDelay(error) >= 28, String(retryDelay(error)));
    assert.equal(one.count('token'), before);
    assert.equal(refreshes(one).length, 1);
    assert.equal((await other.rpc.GetAccessToken({ grant_id: another.grantId })).access_token, another.held);
  });
});

describe('replicas that share a rate', () => {
  let redis;
  let world;
  let other;
  before(async () => {
    redis = await Redis.start();
    world = await HostileWorld.start({
      size: 1,
      config: redisStore(redis.port),
      provider: { rate_limit: { requests_per_second: 5, burst: 2 } },
      client: { refresh: { floor: '0s' } },
    });
    other = await world.addReplica();
  });
  after(async () => {
    await other?.stop();
    await world?.stop();
    await redis?.stop();
  });

  it('R12: two replicas together keep to it', async () => {
    const first = await signedIn(world.newCase());
    const grants = [first];
    for (let i = 1; i < 12; ++i) grants.push(await signedIn(first.another()));
    await pause(1000); // the bucket is full again
    const began = Date.now();
    await Promise.all(grants.map((signIn, i) => renew(signIn, i % 2 ? other.rpc : signIn.rpc)));
    const last = Math.max(...refreshes(first).map(({ at }) => at));
    // Twelve at five a second with two at once: alone, each replica would be done in 0.8 s.
    assert.ok(last - began >= 1500, String(last - began));
  });
});
