// Access tokens in the process: how long a replica may still have one after its grant has ended elsewhere.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { redisStore } from './harness/broker.mjs';
import { eventually } from './harness/child.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { Redis } from './harness/redis.mjs';
import { RedisProxy } from './harness/redis_proxy.mjs';

// How long the cache is trusted without news (docs/architecture.md).
const TRUST_MS = 5000;

describe('the near cache of another replica', () => {
  let redis;
  let proxy;
  let world;
  let other;
  before(async () => {
    redis = await Redis.start();
    proxy = await RedisProxy.start(redis.port);
    world = await HostileWorld.start({ size: 10, config: redisStore(redis.port) });
    // Only this one's way to Redis is tampered with.
    other = await world.addReplica({ store: { redis: { address: `127.0.0.1:${proxy.port}` } } });
  });
  after(async () => {
    await other?.stop();
    await world?.stop();
    proxy?.stop();
    await redis?.stop();
  });

  const outcome = ({ grantId }) =>
    other.rpc.GetAccessToken({ grant_id: grantId }).then(() => 'OK', (error) => error.reason);

  // A grant whose token lies in the other replica's cache.
  async function cached() {
    const signIn = world.newCase();
    await signIn.run('code');
    // The news of its making may come while the token is read, which is not kept then.
    for (let i = 0; i < 3; ++i) {
      assert.equal(await outcome(signIn), 'OK');
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
    return signIn;
  }

  // Asks the other replica until the token is gone. Returns how long that took, in ms.
  async function untilGone(signIn, reason) {
    const began = Date.now();
    await eventually(async () => (await outcome(signIn)) === reason, `the other replica says ${reason}`, 20000);
    return Date.now() - began;
  }

  it('a revoked grant is gone at once while news comes', async () => {
    const signIn = await cached();
    await signIn.rpc.RevokeGrant({ grant_id: signIn.grantId });
    const took = await untilGone(signIn, 'REAUTHORIZATION_REQUIRED');
    assert.ok(took < 1000, `${took} ms`);
  });

  it('R16: without news a revoked grant is served for five seconds at most', async () => {
    const signIn = await cached();
    const holds = Array.from({ length: 50 }, (_, i) => proxy.hold('subscribe', { nth: i + 1 }));
    await redis.command('CLIENT KILL TYPE pubsub');
    await holds[0].reached;
    const lost = Date.now();
    await signIn.rpc.RevokeGrant({ grant_id: signIn.grantId });
    await untilGone(signIn, 'REAUTHORIZATION_REQUIRED');
    const took = Date.now() - lost;
    assert.ok(took < TRUST_MS + 1500, `${took} ms`);
    // Other tokens are served meanwhile, from the store.
    const alive = await cached();
    assert.equal(await outcome(alive), 'OK');
    for (const hold of holds) hold.release();
  });

  it('R16: what changed while news was missed is not served when it comes again', async () => {
    const signIn = await cached();
    const hold = proxy.hold('subscribe');
    await redis.command('CLIENT KILL TYPE pubsub');
    await hold.reached;
    await signIn.rpc.RevokeGrant({ grant_id: signIn.grantId });
    const released = Date.now();
    hold.release();
    await untilGone(signIn, 'REAUTHORIZATION_REQUIRED');
    assert.ok(Date.now() - released < 2500, `${Date.now() - released} ms`);
  });

  it('R16: a Redis that comes back without its data leaves nothing in the cache', async () => {
    const signIn = await cached();
    const { port } = redis;
    await redis.stop();
    // Redis is away: what is good is served.
    assert.equal(await outcome(signIn), 'OK');
    redis = await Redis.start({ port });
    await untilGone(signIn, 'GRANT_UNKNOWN');
  });
});
