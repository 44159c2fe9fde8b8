// Traces that callers begin: what the log names, what a collector gets, and that no provider hears of them.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { baseConfig, redisStore, runBroker } from './harness/broker.mjs';
import { eventually } from './harness/child.mjs';
import { Collector } from './harness/collector.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { Redis } from './harness/redis.mjs';
import { leaksIn } from './harness/secrets.mjs';

const newTrace = () => ({ traceId: randomBytes(16).toString('hex'), spanId: randomBytes(8).toString('hex') });
const traceparent = ({ traceId, spanId }, flags = '01') => ({ metadata: { traceparent: `00-${traceId}-${spanId}-${flags}` } });

const lines = (broker) => broker.output.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
const linesOf = (broker, { traceId }) => lines(broker).filter((line) => line.trace_id === traceId);

async function signedIn(world, settings) {
  const one = world.newCase(settings);
  await one.run();
  one.held = (await one.token()).access_token;
  return one;
}

describe('a traceparent', () => {
  let world;
  before(async () => { world = await HostileWorld.start({ size: 12, client: { refresh: { floor: '0s' } } }); });
  after(() => world?.stop());

  it('is named by the line of the request, with or without spans', async () => {
    const one = await signedIn(world);
    for (const flags of ['00', '01']) {
      const trace = newTrace();
      await one.rpc.GetAccessToken({ grant_id: one.grantId }, traceparent(trace, flags));
      await eventually(() => linesOf(world.broker, trace).length > 0, 'the line names the trace');
      const [line] = linesOf(world.broker, trace);
      assert.deepEqual([line.event, line.rpc, line.span_id], ['request', 'GetAccessToken', trace.spanId]);
    }
  });

  it('is named by the line of a request that waits, and of one that is refused', async () => {
    const one = await signedIn(world);
    const trace = newTrace();
    await one.rpc.GetAccessToken({ grant_id: one.grantId, rejected_access_token: one.held }, traceparent(trace));
    await assert.rejects(one.rpc.GetGrant({ grant_id: 'nobodys' }, traceparent(trace)));
    await eventually(() => linesOf(world.broker, trace).length === 2, 'both lines name the trace');
    assert.deepEqual(linesOf(world.broker, trace).map(({ rpc, outcome }) => `${rpc} ${outcome}`).sort(),
      ['GetAccessToken OK', 'GetGrant GRANT_UNKNOWN']);
  });

  it('is not told to the provider', async () => {
    const one = world.newCase();
    const trace = newTrace();
    const request = { client: one.client, redirect_uri: one.redirectUri, response_type: 'code id_token', response_mode: 'form_post' };
    one.begun = await one.rpc.CreateAuthorizationUrl(request, traceparent(trace));
    await one.rpc.SubmitCallback({ ...one.authorize(), browser_binding: one.begun.browser_binding }, traceparent(trace));
    const asked = ['token', 'jwks', 'discovery'].flatMap((endpoint) => one.op.requests(endpoint));
    assert.ok(asked.length >= 2);
    for (const { headers } of asked) {
      assert.ok(!JSON.stringify(headers).includes(trace.traceId));
      assert.ok(!('traceparent' in headers || 'tracestate' in headers || 'baggage' in headers));
    }
  });

  const strange = ['', '00', '00-0-0-01', `00-${'0'.repeat(32)}-${'1'.repeat(16)}-01`, `ff-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    `00-${'A'.repeat(32)}-${'b'.repeat(16)}-01`, `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01-more`, 'x'.repeat(2000)];
  for (const value of strange) {
    it(`is passed over where it reads ${JSON.stringify(value.slice(0, 60))}`, async () => {
      const one = await signedIn(world);
      const before = 1; // the token of the sign-in
      await one.rpc.GetAccessToken({ grant_id: one.grantId }, { metadata: { traceparent: value } });
      const told = () => lines(world.broker).filter(({ rpc, grant_id }) => rpc === 'GetAccessToken' && grant_id === one.grantId);
      await eventually(() => told().length === before + 1, 'the request is logged');
      for (const line of told()) assert.ok(!('trace_id' in line), JSON.stringify(line));
    });
  }
});

const traces = (endpoint) => ({ telemetry: { log: { level: 'debug' }, traces: { otlp_endpoint: endpoint } } });

describe('telemetry.traces', async () => {
  const { code, output } = await runBroker(baseConfig(traces('http://127.0.0.1:4318/v1/traces')), ['--check']);
  // With TRACES_REQUIRED=1 it fails instead.
  const absent = code === 0 || process.env.TRACES_REQUIRED ? false : 'this token-broker was built without opentelemetry-cpp';

  it('is refused by name where the build cannot export them', { skip: absent ? false : 'this build can' }, () => {
    assert.equal(code, 1);
    assert.match(output, /telemetry\.traces: needs a token-broker that was built with opentelemetry-cpp/);
  });

  it('takes no address but http and https', { skip: absent }, async () => {
    const refused = await runBroker(baseConfig(traces('grpc://collector:4317')), ['--check']);
    assert.equal(refused.code, 1);
    assert.match(refused.output, /telemetry\.traces\.otlp_endpoint: must begin with http/);
  });

  describe('with a collector', { skip: absent }, () => {
    let redis;
    let collector;
    let world;
    before(async () => {
      redis = await Redis.start();
      collector = await Collector.start();
      world = await HostileWorld.start({
        size: 8, client: { refresh: { floor: '0s' } }, config: { ...redisStore(redis.port), ...traces(collector.endpoint) },
      });
    });
    after(async () => {
      await world?.stop();
      collector?.stop();
      await redis?.stop();
    });
    const named = (trace, name) => collector.of(trace.traceId).filter((one) => one.name === name);

    it('gets a span of the RPC, and under it those of store and provider', async () => {
      const one = await signedIn(world);
      const trace = newTrace();
      await one.rpc.GetAccessToken({ grant_id: one.grantId, rejected_access_token: one.held }, traceparent(trace));
      await eventually(() => named(trace, 'GetAccessToken').length === 1 && named(trace, 'provider token').length === 1, 'the spans arrive');
      const [rpc] = named(trace, 'GetAccessToken');
      assert.equal(rpc.parentSpanId, trace.spanId);
      assert.equal(rpc.kind, 2);
      assert.deepEqual(rpc.attributes, {
        'rpc.system': 'grpc', 'rpc.method': 'GetAccessToken', 'rpc.grpc.status_code': 0, 'tokenbroker.outcome': 'OK', 'tokenbroker.caller': 'tests',
      });
      assert.equal(rpc.resource['service.name'], 'token-broker');
      const [provider] = named(trace, 'provider token');
      assert.equal(provider.kind, 3);
      assert.deepEqual(provider.attributes, {
        'tokenbroker.provider': one.client, 'tokenbroker.endpoint': 'token', 'http.response.status_code': 200,
      });
      for (const operation of ['acquire_lease', 'find_grant', 'commit_grant']) {
        assert.ok(named(trace, `store ${operation}`).length >= 1, operation);
      }
      for (const span of collector.of(trace.traceId)) {
        if (span !== rpc) assert.equal(span.parentSpanId, rpc.spanId, span.name);
        assert.ok(span.ended >= span.began, span.name);
        assert.ok(!span.failed, span.name);
      }
      assert.ok(provider.began >= rpc.began && provider.ended <= rpc.ended);
      const ids = collector.of(trace.traceId).map(({ spanId }) => spanId);
      assert.equal(new Set(ids).size, ids.length);
    });

    it('gets the span that the line of the log names', async () => {
      const one = await signedIn(world);
      const trace = newTrace();
      await one.rpc.GetAccessToken({ grant_id: one.grantId }, traceparent(trace));
      await eventually(() => named(trace, 'GetAccessToken').length === 1, 'the span arrives');
      await eventually(() => linesOf(world.broker, trace).length === 1, 'the line is there');
      assert.equal(linesOf(world.broker, trace)[0].span_id, named(trace, 'GetAccessToken')[0].spanId);
      assert.equal(collector.of(trace.traceId).length, 1, 'a token from the cache needs nobody');
    });

    it('keeps the traces of callers apart that come at once', async () => {
      const cases = await Promise.all([signedIn(world), signedIn(world), signedIn(world)]);
      const asked = cases.map((one) => ({ one, trace: newTrace() }));
      await Promise.all(asked.map(({ one, trace }) =>
        one.rpc.GetAccessToken({ grant_id: one.grantId, rejected_access_token: one.held }, traceparent(trace))));
      for (const { one, trace } of asked) {
        await eventually(() => named(trace, 'provider token').length === 1, 'the span arrives');
        assert.equal(named(trace, 'provider token')[0].attributes['tokenbroker.provider'], one.client);
      }
    });

    it('gets failures as such', async () => {
      const one = await signedIn(world);
      const trace = newTrace();
      one.op.next('token', { instead: { status: 503, headers: {}, body: '' } });
      await assert.rejects(one.rpc.GetAccessToken({ grant_id: one.grantId, rejected_access_token: one.held }, traceparent(trace)));
      await eventually(() => named(trace, 'GetAccessToken').length === 1, 'the span arrives');
      const [rpc] = named(trace, 'GetAccessToken');
      assert.ok(rpc.failed);
      assert.equal(rpc.attributes['tokenbroker.outcome'], 'PROVIDER_UNAVAILABLE');
      assert.ok(named(trace, 'provider token')[0].failed);
    });

    it('gets nothing of a trace that is not sampled, or that nobody began', async () => {
      const one = await signedIn(world);
      const unsampled = newTrace();
      await one.rpc.GetAccessToken({ grant_id: one.grantId }, traceparent(unsampled, '00'));
      await one.token();
      const sampled = newTrace();
      await one.rpc.GetGrant({ grant_id: one.grantId }, traceparent(sampled));
      await eventually(() => named(sampled, 'GetGrant').length === 1, 'a later span arrives');
      assert.deepEqual(collector.of(unsampled.traceId), []);
      const begun = new Set(collector.spans.map(({ parentSpanId }) => parentSpanId));
      assert.ok(!begun.has(''), 'no span is a root');
    });

    it('gets no secret, subject or grant', async () => {
      const one = await signedIn(world);
      const { grant } = await one.rpc.GetGrant({ grant_id: one.grantId });
      const sent = Buffer.concat(collector.bodies).toString('latin1');
      assert.ok(sent.length > 1000);
      assert.deepEqual(leaksIn(sent), []);
      for (const value of [grant.grant_id, grant.subject]) assert.ok(!sent.includes(value), value);
    });
  });

  it('holds nothing up where no collector answers', { skip: absent }, async () => {
    const world = await HostileWorld.start({ size: 1, config: traces('http://127.0.0.1:9/v1/traces') });
    const one = await signedIn(world);
    for (let i = 0; i < 20; ++i) await one.rpc.GetAccessToken({ grant_id: one.grantId }, traceparent(newTrace()));
    await eventually(() => /"event":"spans not exported"/.test(world.broker.output), 'the log says so');
    await world.stop();
  });
});
