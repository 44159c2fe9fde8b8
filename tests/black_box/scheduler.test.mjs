// Refreshes that nobody asks for: grants are kept fresh ahead of time, by replicas that share the work.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { redisStore } from './harness/broker.mjs';
import { eventually } from './harness/child.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { Redis } from './harness/redis.mjs';

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const refreshes = ({ op }) =>
  op.requests('token').filter(({ form }) => form.grant_type === 'refresh_token');
const sent = (signIn) => refreshes(signIn).map(({ form }) => form.refresh_token);

async function signedIn(world, settings) {
  const signIn = world.newCase(settings);
  await signIn.run('code');
  return signIn;
}

describe('the scheduler', () => {
  let redis;
  let world;
  let other;
  before(async () => {
    redis = await Redis.start();
    world = await HostileWorld.start({
      size: 20,
      provider: { request_timeout: '5s' },
      client: { refresh: { floor: '1s', fraction: 0.5, jitter: 0.05 } },
      config: {
        ...redisStore(redis.port),
        refresh: {
          scheduler: {
            enabled: true, max_in_flight: 8, visibility_timeout: '10s', first_retry: '1s', longest_retry: '1s',
          },
          reconciler: { interval: '2s' },
        },
      },
    });
    other = await world.addReplica();
  });
  after(async () => {
    await other?.stop();
    await world?.stop();
    await redis?.stop();
  });

  it('R1: refreshes a grant ahead of time, again and again, once each time', async () => {
    const signIn = await signedIn(world, { expiresIn: 4 });
    await eventually(() => refreshes(signIn).length >= 3, 'three refreshes', 20000);
    assert.equal(new Set(sent(signIn)).size, sent(signIn).length, 'a refresh token was sent twice');
    const { grant } = await signIn.rpc.GetGrant({ grant_id: signIn.grantId });
    assert.equal(grant.state, 'GRANT_STATE_ACTIVE');
  });

  it('R12: many grants at two replicas, none refreshed twice and none forgotten', async () => {
    const first = await signedIn(world, { expiresIn: 8 });
    for (let i = 1; i < 30; ++i) await first.another().run('code');
    await eventually(() => refreshes(first).length >= 60, 'two rounds', 30000);
    // Those that were signed in first may be ahead of the last by more than a round.
    const grants = await eventually(async () => {
      const all = await first.grants();
      return all.every(({ generation }) => Number(generation) >= 2) && all;
    }, 'each is refreshed', 30000);
    assert.equal(grants.length, 30);
    for (const { state } of grants) assert.equal(state, 'GRANT_STATE_ACTIVE');
    assert.equal(new Set(sent(first)).size, sent(first).length, 'a refresh token was sent twice');
  });

  it('R15: a token that lives a second is refreshed no more often than the floor', async () => {
    const signIn = await signedIn(world, { expiresIn: 0 });
    await pause(4000);
    assert.ok(refreshes(signIn).length >= 1);
    assert.ok(refreshes(signIn).length <= 4, `${refreshes(signIn).length} refreshes`);
  });

  it('a slow provider delays no other', async () => {
    const slow = world.newCase({ expiresIn: 4 });
    for (let i = 0; i < 40; ++i) await slow.another().run('code');
    slow.op.always('token', { response: (answer) => ({ ...answer, delayMs: 3000 }) });
    const quick = await signedIn(world, { expiresIn: 4 });
    const began = Date.now();
    await eventually(() => refreshes(quick).length >= 1, 'the other is refreshed', 20000);
    // Due after 2 s; in line behind the slow ones it would have had to wait for 7 s more.
    assert.ok(Date.now() - began < 6000, `after ${Date.now() - began} ms`);
    assert.equal(new Set(sent(slow)).size, sent(slow).length, 'a refresh token was sent twice');
    // So that it is over before other tests look.
    slow.op.expiresIn = 3600;
  });

  it('R10, R12: a refresh that fails is tried again', async () => {
    const signIn = await signedIn(world, { expiresIn: 4 });
    signIn.op.next('token', { instead: { status: 503, headers: {}, body: '' } }, 3);
    await eventually(() => refreshes(signIn).length >= 4, 'a fourth try', 90000);
    assert.equal(new Set(sent(signIn).slice(0, 4)).size, 1);
    await eventually(() => refreshes(signIn).length >= 5, 'and the next refresh', 20000);
    assert.equal((await signIn.rpc.ListGrants({ client: signIn.client })).grants[0].state, 'GRANT_STATE_ACTIVE');
  });

  it('the reconciler puts back what is missing from the schedule', async () => {
    const signIn = await signedIn(world, { expiresIn: 12 });
    const places = redis.keys('tb:due:{*}');
    for (const key of places) await redis.command(`ZREM ${key} ${signIn.grantId}`);
    await pause(1000);
    await eventually(() => refreshes(signIn).length >= 1, 'it is refreshed all the same', 30000);
  });

  it('R4: a replica that is told to stop finishes what it has begun', async () => {
    const third = await world.addReplica();
    const signIn = await signedIn(world, { expiresIn: 4 });
    signIn.op.always('token', { response: (answer) => ({ ...answer, delayMs: 1000 }) });
    await eventually(() => refreshes(signIn).length === 1, 'a refresh is under way', 20000);
    await third.stop();
    await eventually(() => refreshes(signIn).length >= 3, 'it goes on', 20000);
    assert.equal(new Set(sent(signIn)).size, sent(signIn).length, 'a refresh token was sent twice');
    signIn.op.expiresIn = 3600;
  });
});

describe('idle grants', () => {
  let world;
  before(async () => {
    world = await HostileWorld.start({
      size: 4,
      client: { refresh: { floor: '0s', fraction: 0.5, jitter: 0, idle_after: '1s' } },
      config: { refresh: { scheduler: { enabled: true } } },
    });
  });
  after(() => world?.stop());

  it('are left alone, and refreshed on demand', async () => {
    const signIn = await signedIn(world, { expiresIn: 3 });
    await pause(4500);
    assert.equal(refreshes(signIn).length, 0);
    await signIn.token();
    assert.equal(refreshes(signIn).length, 1);
  });

  it('are not idle while they are used from the cache', async () => {
    const signIn = await signedIn(world, { expiresIn: 6 });
    const used = (async () => {
      for (let i = 0; i < 18; ++i) {
        await signIn.token();
        await pause(150);
      }
    })();
    await used;
    await eventually(() => refreshes(signIn).length >= 1, 'it is refreshed ahead of time', 2500);
  });
});

describe('idle grants of a provider that drops unused refresh tokens', () => {
  let world;
  before(async () => {
    world = await HostileWorld.start({
      size: 2,
      client: {
        // Due when the grant has been idle for a while already: a token's life counts from its request, which is
        // earlier than the grant's first use.
        refresh: { floor: '0s', fraction: 0.6, jitter: 0, idle_after: '1s', refresh_token_idle_lifetime: '10s' },
      },
      config: { refresh: { scheduler: { enabled: true } } },
    });
  });
  after(() => world?.stop());

  it('are refreshed in time, and no more than that', async () => {
    const signIn = await signedIn(world, { expiresIn: 2 });
    await pause(4000);
    assert.equal(refreshes(signIn).length, 0);
    await eventually(() => refreshes(signIn).length === 1, 'it is kept alive', 4000);
    await pause(2500);
    assert.equal(refreshes(signIn).length, 1);
  });
});
