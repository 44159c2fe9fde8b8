// What one grant, one cached token, one stream and one refresh cost: memory of the broker and of Redis, and Redis commands.
//
//   node tests/bench/footprint.mjs [GRANTS] [STREAMS]
//
// One broker and one Redis, a provider whose access tokens have 1,200 characters. Memory is what the processes say of
// themselves before and after, over so many that the noise of an allocator does not count. For the numbers in docs/operations.md;
// what takes time is in docs/benchmarks.md.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { redisStore } from '../black_box/harness/broker.mjs';
import { eventually } from '../black_box/harness/child.mjs';
import { HostileWorld } from '../black_box/harness/hostile_world.mjs';
import { METRICS, scrape } from '../black_box/harness/metrics.mjs';
import { Redis } from '../black_box/harness/redis.mjs';
import { connect } from '../black_box/harness/rpc.mjs';

const [GRANTS, STREAMS] = [Number(process.argv[2] ?? 3000), Number(process.argv[3] ?? 5000)];
const TOKEN_LENGTH = 1200;
const STREAMS_A_CONNECTION = 100;

const redis = await Redis.start();
const store = redisStore(redis.port);
// Only what the broker is asked for: no schedule, and a cache that keeps everything.
const world = await HostileWorld.start({
  size: 1,
  client: { refresh: { floor: '0s' } },
  config: {
    ...store,
    near_cache: { max_bytes: 2 ** 30 },
    refresh: { scheduler: { enabled: false } },
    server: { limits: { max_concurrent_streams: STREAMS + 10 } },
    telemetry: { log: { level: 'info' }, ...METRICS },
  },
});
const first = world.newCase();
first.op.issue = () => first.op.secret(randomBytes(TOKEN_LENGTH).toString('base64url').slice(0, TOKEN_LENGTH));

const resident = (broker) => 1024 * Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${broker.child.process.pid}/status`, 'utf8'))[1]);
const info = async (section, pattern) => [...(await redis.command(`INFO ${section}`)).matchAll(pattern)];
const redisBytes = async () => Number((await info('memory', /^used_memory:(\d+)/gm))[0][1]);
// All at once would measure the queue.
async function inTurn(list, at_a_time, work) {
  const rest = [...list];
  await Promise.all(Array.from({ length: at_a_time }, async () => {
    for (let one = rest.pop(); one !== undefined; one = rest.pop()) await work(one);
  }));
}
const print = (what, value) => console.log(`${what.padEnd(58)} ${value}`);

await first.run();
const before = { redis: await redisBytes() };
const cases = Array.from({ length: GRANTS }, () => first.another());
await inTurn(cases, 8, (one) => one.run());
print(`Redis: bytes a grant (${GRANTS})`, Math.round((await redisBytes() - before.redis) / GRANTS));

// A broker that has never had these tokens reads them.
const reader = await world.addReplica();
await reader.rpc.GetAccessToken({ grant_id: first.grantId });
await eventually(async () => (await scrape(reader)).value('tokenbroker_near_cache_trusted') === 1, 'the near cache is in use');
const idle = resident(reader);
print('broker: resident bytes, idle', idle);
await inTurn(cases, 8, (one) => reader.rpc.GetAccessToken({ grant_id: one.grantId }));
const { value } = await scrape(reader);
const tokens = value('tokenbroker_near_cache_tokens');
print(`broker: resident bytes a cached token (${tokens})`, Math.round((resident(reader) - idle) / tokens));
print('broker: of which near_cache.max_bytes counts', Math.round(value('tokenbroker_near_cache_bytes') / tokens));

const refreshed = cases.slice(0, Math.min(GRANTS, 500));
await redis.command('CONFIG RESETSTAT');
await inTurn(refreshed, 8, async (one) => {
  const { access_token: held } = await reader.rpc.GetAccessToken({ grant_id: one.grantId });
  await reader.rpc.GetAccessToken({ grant_id: one.grantId, rejected_access_token: held });
});
const commands = (await info('commandstats', /^cmdstat_([^:]+):calls=(\d+)/gm))
  .map(([, name, calls]) => [name, Number(calls) / refreshed.length]).filter(([, each]) => each >= 0.5);
print(`Redis: commands a refresh (${refreshed.length}), inside scripts too`, commands.map(([name, each]) => `${name} ${each.toFixed(1)}`).join(', '));

const quiet = resident(reader);
const connections = [];
for (let i = 0; i < STREAMS; i += 1) {
  if (i % STREAMS_A_CONNECTION === 0) {
    connections.push(connect(reader.address, { channel: { 'grpc.use_local_subchannel_pool': 1 } }));
  }
  const stream = connections.at(-1).stub.WatchAccessToken({ grant_id: cases[i % cases.length].grantId });
  stream.on('error', () => {});
  await new Promise((resolve) => { stream.once('data', resolve); });
}
const streams = (await scrape(reader)).value('tokenbroker_streams_in_flight');
print(`broker: resident bytes a stream (${streams}, ${STREAMS_A_CONNECTION} a connection)`, Math.round((resident(reader) - quiet) / streams));
for (const connection of connections) connection.close();

await reader.stop();
await world.stop();
await redis.stop();
