// What the broker tells Prometheus about itself.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Broker, baseConfig, redisStore, runBroker } from './harness/broker.mjs';
import grpc from '@grpc/grpc-js';
import { Authority } from './harness/certificates.mjs';
import { accepts, eventually, scratchFolder } from './harness/child.mjs';
import { UP, fails } from './harness/expect.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { METRICS, metricsAddress, scrape } from './harness/metrics.mjs';
import { Redis } from './harness/redis.mjs';
import { RedisProxy } from './harness/redis_proxy.mjs';
import { leaksIn } from './harness/secrets.mjs';

describe('metrics', () => {
  let redis;
  let world;
  before(async () => {
    redis = await Redis.start();
    const config = { ...redisStore(redis.port), telemetry: { log: { level: 'debug' }, ...METRICS } };
    world = await HostileWorld.start({ size: 4, config });
  });
  after(async () => {
    await world?.stop();
    await redis?.stop();
  });

  it('count RPCs by outcome, and the near cache', async () => {
    const one = world.newCase();
    await one.run();
    const before = await scrape(world.broker);
    await one.token();
    await one.token();
    await assert.rejects(world.broker.rpc.GetAccessToken({ grant_id: 'nobodys' }));
    const after_ = await scrape(world.broker);
    const grew = (name, labels) => (after_.value(name, labels) ?? 0) - (before.value(name, labels) ?? 0);
    const rpc = 'GetAccessToken';
    assert.equal(grew('tokenbroker_rpcs_total', { rpc, code: 'OK' }), 2);
    assert.equal(grew('tokenbroker_rpcs_total', { rpc, code: 'NOT_FOUND', reason: 'GRANT_UNKNOWN' }), 1);
    assert.equal(grew('tokenbroker_rpc_duration_seconds_count', { rpc }), 3);
    assert.ok(grew('tokenbroker_near_cache_lookups_total', { result: 'hit' }) >= 1);
    assert.ok(grew('tokenbroker_near_cache_lookups_total', { result: 'miss' }) >= 1);
    assert.ok(after_.value('tokenbroker_near_cache_tokens') >= 1);
    assert.ok(after_.value('tokenbroker_near_cache_bytes') > 100);
  });

  it('count requests to providers, refreshes and the store', async () => {
    const one = world.newCase({ rotation: false });
    await one.run();
    const { access_token: rejected } = await one.token();
    await one.token({ rejected_access_token: rejected });
    one.op.next('token', { instead: { status: 503, headers: {}, body: '' } });
    const { access_token: second } = await one.token();
    await fails(one.token({ rejected_access_token: second }), UP);
    const { value } = await scrape(world.broker);
    const provider = one.client;
    assert.equal(value('tokenbroker_provider_requests_total', { provider, endpoint: 'token', status: '2xx' }), 2);
    assert.equal(value('tokenbroker_provider_requests_total', { provider, endpoint: 'token', status: '5xx' }), 1);
    assert.equal(value('tokenbroker_provider_requests_total', { provider, endpoint: 'discovery', status: '2xx' }), 1);
    assert.ok(value('tokenbroker_provider_requests_total', { provider, endpoint: 'jwks', status: '2xx' }) >= 1);
    assert.equal(value('tokenbroker_provider_request_duration_seconds_count', { provider, endpoint: 'token' }), 3);
    assert.ok(value('tokenbroker_refreshes_total', { outcome: 'OK' }) >= 1);
    assert.equal(value('tokenbroker_refreshes_total', { outcome: 'PROVIDER_UNAVAILABLE' }), 1);
    assert.ok(value('tokenbroker_store_requests_total', { operation: 'commit_grant', outcome: 'OK' }) >= 2);
    assert.ok(value('tokenbroker_store_request_duration_seconds_count', { operation: 'create_grant' }) >= 1);
  });

  it('tell of the process and whether it is ready', async () => {
    await eventually(async () => (await scrape(world.broker)).value('tokenbroker_ready') === 1, 'ready');
    const { value } = await scrape(world.broker);
    assert.equal(value('tokenbroker_build_info'), 1);
    assert.ok(value('process_resident_memory_bytes') > 1e6);
    assert.ok(value('process_cpu_seconds_total') > 0);
    assert.ok(Math.abs(value('process_start_time_seconds') - Date.now() / 1000) < 600);
  });

  it('are what docs/metrics.md says, and no more', async () => {
    const { types } = await scrape(world.broker);
    const documentation = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
    const documented = new Map([...documentation.matchAll(/^\| `(\w+)` \| (\w+) \|/gm)].map(([, name, type]) => [name, type]));
    for (const [name, type] of Object.entries(types)) {
      if (!name.startsWith('exposer_')) assert.equal(documented.get(name), type, name);
    }
  });

  it('hold no secret, subject or grant', async () => {
    const one = world.newCase();
    const { grant } = await one.run();
    await one.token();
    const { text } = await scrape(world.broker);
    assert.deepEqual(leaksIn(text), []);
    for (const value of [grant.grant_id, grant.subject]) assert.ok(!text.includes(value), value);
  });

  it('are all that their port serves', async () => {
    const address = await metricsAddress(world.broker);
    for (const path of ['/', '/etc/passwd', '/metrics/../../etc/passwd', '/debug']) {
      assert.equal((await fetch(`http://${address}${path}`)).status, 404, path);
    }
  });
});

describe('metrics of what the broker depends on', () => {
  let redis;
  let proxy;
  let world;
  before(async () => {
    redis = await Redis.start();
    proxy = await RedisProxy.start(redis.port);
    const authority = new Authority();
    const server = authority.issue('IP:127.0.0.1', { days: 30 });
    world = await HostileWorld.start({
      size: 6,
      client: { refresh: { floor: '0s' } },
      config: {
        ...redisStore(proxy.port),
        refresh: { scheduler: { enabled: false }, lease: '1s', spool: { directory: join(scratchFolder(), 'spool') } },
        server: { tls: { certificate_file: server.certFile, private_key_file: server.keyFile } },
        telemetry: { log: { level: 'debug' }, ...METRICS },
      },
      options: { credentials: grpc.credentials.createSsl(authority.ca) },
    });
  });
  after(async () => {
    await world?.stop();
    await proxy?.stop();
    await redis?.stop();
  });
  const metrics = () => scrape(world.broker);

  async function signedIn() {
    const one = world.newCase();
    await one.run();
    one.held = (await one.token()).access_token;
    return one;
  }
  const renew = (one) => one.token({ rejected_access_token: one.held });

  it('tell when the certificate of the server expires', async () => {
    const at = (await metrics()).value('tokenbroker_certificate_expiry_timestamp_seconds', { use: 'server' });
    const days = (at - Date.now() / 1000) / 86400;
    assert.ok(days > 29.9 && days <= 30, `${days} days`);
  });

  it('tell how long Redis takes to tell of a change', async () => {
    const lag = async () => (await metrics()).value('tokenbroker_near_cache_invalidation_lag_seconds_count');
    const one = await signedIn();
    const before = await lag();
    await renew(one);
    await eventually(async () => (await lag()) > before, 'the news of the change is timed');
  });

  it('tell of refreshes that wait for another of the same grant', async () => {
    const waits = async () => (await metrics()).value('tokenbroker_lease_wait_seconds_count', { holder: 'this_replica' });
    const before = await waits();
    const one = await signedIn();
    const second = await one.token({ audience: 'https://api.example.org/a' });
    one.op.next('token', { response: (answer) => ({ ...answer, delayMs: 300 }) });
    await Promise.all([renew(one), one.token({ audience: 'https://api.example.org/a', rejected_access_token: second.access_token })]);
    assert.equal(await waits(), before + 1);
    const { value } = await metrics();
    assert.ok(value('tokenbroker_lease_wait_seconds_sum', { holder: 'this_replica' }) > 0.1);
    assert.equal(value('tokenbroker_lease_wait_seconds_count', { holder: 'another_replica' }), 0);
  });

  it('tell of connections to Redis, and that they were lost', async () => {
    await eventually(async () => (await metrics()).value('tokenbroker_redis_connections', { state: 'connected' }) === 4, 'all are there');
    const before = (await metrics()).value('tokenbroker_redis_reconnects_total');
    proxy.cut();
    const again = async () => {
      const { value } = await metrics();
      return value('tokenbroker_redis_reconnects_total') >= before + 4
        && value('tokenbroker_redis_connections', { state: 'away' }) === 0;
    };
    await eventually(again, 'all are there again');
    assert.equal((await metrics()).value('tokenbroker_redis_unanswered'), 0);
  });

  it('tell of an answer that is on disk alone, and that it is stored', async () => {
    const one = await signedIn();
    let release;
    const held = new Promise((resolve) => { release = resolve; });
    one.op.next('token', { response: (answer) => ({ ...answer, when: held }) });
    const renewed = renew(one).catch((error) => error);
    await eventually(() => one.op.requests('token').some(({ form }) => form.grant_type === 'refresh_token'), 'the refresh leaves');
    proxy.leave();
    release();
    const waiting = async () => (await metrics()).value('tokenbroker_spool_answers', { state: 'waiting' });
    await eventually(async () => (await waiting()) === 1, 'the answer is on disk');
    const { value } = await metrics();
    assert.ok(value('tokenbroker_spool_oldest_age_seconds') > 0);
    assert.equal(value('tokenbroker_redis_connections', { state: 'connected' }), 0);
    await proxy.comeBack();
    await eventually(async () => (await waiting()) === 0, 'the store has it', 15000);
    assert.equal((await metrics()).value('tokenbroker_spool_oldest_age_seconds'), 0);
    assert.equal((await metrics()).value('tokenbroker_spool_answers', { state: 'set_aside' }), 0);
    await renewed;
  });

  it('tell what came of revocations', async () => {
    const count = async (outcome) => (await metrics()).value('tokenbroker_revocations_total', { outcome });
    const one = await signedIn();
    const before = [await count('confirmed'), await count('postponed')];
    one.op.next('revocation', { instead: { status: 503, headers: {}, body: '' } });
    await one.rpc.RevokeGrant({ grant_id: one.grantId });
    await eventually(async () => (await count('postponed')) === before[1] + 1, 'it is tried again later');
    const other = await signedIn();
    await other.rpc.RevokeGrant({ grant_id: other.grantId });
    await eventually(async () => (await count('confirmed')) > before[0], 'the provider has confirmed it');
  });
});

describe('metrics of two replicas', () => {
  let redis;
  let world;
  let other;
  before(async () => {
    redis = await Redis.start();
    world = await HostileWorld.start({
      size: 2,
      client: { refresh: { floor: '0s' } },
      config: { ...redisStore(redis.port), telemetry: { log: { level: 'debug' }, ...METRICS } },
    });
    other = await world.addReplica();
  });
  after(async () => {
    await other?.stop();
    await world?.stop();
    await redis?.stop();
  });

  it('tell of refreshes that wait for another replica', async () => {
    const one = world.newCase();
    await one.run();
    const { access_token: held } = await one.token();
    const waits = async (broker, part, holder) => (await scrape(broker)).value(`tokenbroker_lease_wait_seconds_${part}`, { holder });
    one.op.next('token', { response: (answer) => ({ ...answer, delayMs: 500 }) });
    const wish = { grant_id: one.grantId, rejected_access_token: held };
    const first = one.rpc.GetAccessToken(wish);
    await eventually(() => one.op.requests('token').some(({ form }) => form.grant_type === 'refresh_token'), 'the refresh leaves');
    const second = await other.rpc.GetAccessToken(wish);
    assert.equal(second.access_token, (await first).access_token);
    assert.equal(await waits(other, 'count', 'another_replica'), 1);
    assert.ok((await waits(other, 'sum', 'another_replica')) > 0.1);
    assert.equal(await waits(other, 'count', 'this_replica'), 0);
    assert.equal(await waits(world.broker, 'count', 'another_replica'), 0, 'who has the lease does not wait');
  });

  it('tell, each of them, how many revocations wait in the store and for how long', async () => {
    const waiting = async () => Promise.all([world.broker, other].map(async (broker) => {
      const { value } = await scrape(broker);
      return [value('tokenbroker_revocations_pending'), value('tokenbroker_revocations_oldest_age_seconds')];
    }));
    assert.deepEqual(await waiting(), [[0, 0], [0, 0]]);
    const one = world.newCase();
    await one.run();
    // Longer than a replica takes to look again.
    one.op.next('revocation', { instead: { status: 503, headers: { 'retry-after': '8' }, body: '' } });
    await one.rpc.RevokeGrant({ grant_id: one.grantId });
    await eventually(async () => (await waiting()).every(([pending, age]) => pending === 1 && age > 0), 'both tell of it', 20000);
    await eventually(async () => (await waiting()).every(([pending, age]) => pending === 0 && age === 0), 'the provider has confirmed it', 40000);
    assert.equal(one.op.requests('revocation').length, 3, 'refused, then refresh token and access token');
  });
});

describe('metrics of the limits of a provider', () => {
  let world;
  before(async () => {
    world = await HostileWorld.start({
      size: 1,
      provider: { rate_limit: { requests_per_second: 50, burst: 50 } },
      client: { refresh: { floor: '0s' } },
      config: { telemetry: { log: { level: 'debug' }, ...METRICS } },
    });
  });
  after(() => world?.stop());

  it('tell of tokens in hand, requests that wait, and cool-downs', async () => {
    const one = world.newCase();
    await one.run();
    const labels = { provider: one.client, endpoint: 'token' };
    const first = await scrape(world.broker);
    assert.ok(first.value('tokenbroker_provider_rate_tokens', labels) >= 0);
    assert.equal(first.value('tokenbroker_provider_rate_waiting', labels), 0);
    assert.equal(first.value('tokenbroker_provider_cool_down_seconds', labels), 0);
    assert.equal(first.value('tokenbroker_provider_in_flight', { provider: one.client }), 0);
    const { access_token: held } = await one.token();
    one.op.next('token', { instead: { status: 429, headers: { 'retry-after': '30' }, body: '' } });
    await assert.rejects(one.token({ rejected_access_token: held }));
    const left = (await scrape(world.broker)).value('tokenbroker_provider_cool_down_seconds', labels);
    assert.ok(left > 20 && left < 60, `${left} s`); // with jitter, so that replicas do not come back together
  });
});

describe('where metrics are served', () => {
  it('is nowhere unless the configuration says so', async () => {
    const broker = await Broker.start(baseConfig());
    assert.doesNotMatch(broker.output, /serving metrics/);
    await broker.stop();
  });

  it('is a port that is given up at the end', async () => {
    const broker = await Broker.start(baseConfig({ telemetry: { ...METRICS } }));
    const port = Number((await metricsAddress(broker)).split(':').pop());
    assert.ok(await accepts(port));
    await broker.stop();
    assert.ok(!(await accepts(port)));
  });

  for (const listen of ['unix:/run/metrics.sock', 'metrics.example.org:9464']) {
    it(`cannot be ${listen}`, async () => {
      const { code, output } = await runBroker(baseConfig({ telemetry: { metrics: { listen } } }));
      assert.equal(code, 1);
      assert.match(output, /telemetry\.metrics\.listen: must be an IP address or localhost/);
    });
  }

  it('is refused where it is taken', async () => {
    const broker = await Broker.start(baseConfig({ telemetry: { ...METRICS } }));
    const listen = await metricsAddress(broker);
    const { code, output } = await runBroker(baseConfig({ server: { listen: '127.0.0.1:0' }, telemetry: { metrics: { listen } } }));
    assert.equal(code, 1);
    assert.match(output, /Cannot serve metrics on/);
    await broker.stop();
  });
});
