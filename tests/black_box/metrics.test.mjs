// What the broker tells Prometheus about itself.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { Broker, baseConfig, redisStore, runBroker } from './harness/broker.mjs';
import { accepts, eventually } from './harness/child.mjs';
import { UP, fails } from './harness/expect.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { METRICS, metricsAddress, scrape } from './harness/metrics.mjs';
import { Redis } from './harness/redis.mjs';
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
