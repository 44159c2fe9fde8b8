// Three replicas are restarted one after the other, as a rollout does it, under callers who use the client
// library: none of their calls fails.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Broker, redisStore } from './harness/broker.mjs';
import { Child, eventually } from './harness/child.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { Redis } from './harness/redis.mjs';

const STEADY_CALLER = process.env.STEADY_CALLER_BIN ?? fileURLToPath(new URL('../../build/release/tests/callers/steady_caller', import.meta.url));
const GRANTS = 12;
const LIFETIME = 6; // of access tokens, in seconds: several are refreshed during each restart

const isReady = (broker) => eventually(() => broker.output.includes('"ready"'), 'the broker is ready', 20000);

describe('a rolling restart', () => {
  let redis;
  let world;
  let replicas;
  before(async () => {
    assert.ok(existsSync(STEADY_CALLER), `no caller at ${STEADY_CALLER}: build steady_caller`);
    redis = await Redis.start();
    world = await HostileWorld.start({
      size: 1,
      config: { ...redisStore(redis.port), refresh: { scheduler: { enabled: true } } },
      client: { refresh: { floor: '1s' } },
    });
    replicas = [world.broker, await world.addReplica(), await world.addReplica()];
    for (const replica of replicas) await isReady(replica);
  });
  after(async () => {
    for (const replica of (replicas ?? []).slice(1)) await replica.stop();
    if (world) world.broker = replicas[0];
    await world?.stop();
    await redis?.stop();
  });

  it('fails no call, loses no grant and spends no refresh token twice', async () => {
    const first = world.newCase({ expiresIn: LIFETIME });
    const cases = [first, ...Array.from({ length: GRANTS - 1 }, () => first.another())];
    for (const each of cases) await each.run();
    // Slow enough that a replica often has a refresh under way when it is told to end.
    first.op.always('token', { response: (answer) => ({ ...answer, delayMs: 400 }) });

    const addresses = replicas.map(({ address }) => address).join(',');
    const caller = new Child(STEADY_CALLER, [
      `--address=ipv4:${addresses}`, `--grants=${cases.map(({ grantId }) => grantId).join(',')}`, '--threads=8',
    ], { stdio: ['pipe', 'pipe', 'pipe'] });
    await caller.readyLine();
    for (let i = 0; i < replicas.length; ++i) {
      // Some load on all three, as between two pods of a rollout.
      await new Promise((resolve) => { setTimeout(resolve, 1500); });
      const { port } = replicas[i];
      await replicas[i].stop(); // checks that it ended by itself, and well
      replicas[i] = await Broker.start(world.config, { port });
      await isReady(replicas[i]);
    }
    await new Promise((resolve) => { setTimeout(resolve, 1500); });
    caller.process.stdin.end();
    await caller.exited;
    const lines = caller.stdout.trim().split('\n');
    const told = JSON.parse(lines.at(-1));
    console.log(`rolling restart: ${lines.at(-1)}`);

    assert.equal(told.failed, 0, JSON.stringify(told.failures));
    assert.equal(told.expired, 0);
    assert.equal(told.watches_alive, GRANTS);
    assert.ok(told.interruptions > 0, 'streams were begun again');
    assert.ok(told.calls > 1000, `${told.calls} calls are no load`);
    assert.ok(told.worst_ms < 5000, `the longest call took ${told.worst_ms} ms`);
    const spent = first.op.requests('token').filter(({ form }) => form.grant_type === 'refresh_token').map(({ form }) => form.refresh_token);
    assert.ok(spent.length >= GRANTS, `${spent.length} refreshes`);
    assert.equal(new Set(spent).size, spent.length, 'each refresh token was presented once');
    world.broker = replicas[0];
    for (const grant of await first.grants()) assert.equal(grant.state, 'GRANT_STATE_ACTIVE');
  });
});
