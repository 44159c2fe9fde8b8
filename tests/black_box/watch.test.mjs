// WatchAccessToken: two brokers on one Redis, and what happens to streams when something goes.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Broker, redisStore } from './harness/broker.mjs';
import { Child, eventually } from './harness/child.mjs';
import { ARG, RELOGIN } from './harness/expect.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { Redis } from './harness/redis.mjs';
import { RedisProxy } from './harness/redis_proxy.mjs';
import { connect } from './harness/rpc.mjs';
import { leaksIn } from './harness/secrets.mjs';

const TOKENCTL = fileURLToPath(new URL('../../build/release/client/tokenctl/tokenctl', import.meta.url));

const failure = (found, { code, reason }) => assert.deepEqual([found?.code, found?.reason], [code, reason], String(found));

describe('watching a token', () => {
  let redis;
  let proxy;
  let world;
  let other;
  before(async () => {
    redis = await Redis.start();
    proxy = await RedisProxy.start(redis.port);
    world = await HostileWorld.start({
      size: 20,
      // The replica that watches has a proxy to its store; the other one always reaches it.
      config: redisStore(redis.port),
      client: { refresh: { floor: '0s' } },
    });
    other = await world.addReplica({ store: { redis: { address: `127.0.0.1:${proxy.port}` } } });
  });
  after(async () => {
    await other?.stop();
    await world?.stop();
    proxy?.leave();
    await redis?.stop();
  });

  async function signedIn(settings) {
    const signIn = world.newCase(settings);
    await signIn.run('code id_token');
    signIn.held = (await signIn.token()).access_token;
    return signIn;
  }
  // Has the token replaced, at the first replica.
  async function replace(signIn) {
    const wish = { grant_id: signIn.grantId, rejected_access_token: signIn.held };
    signIn.held = (await signIn.rpc.GetAccessToken(wish)).access_token;
    return signIn.held;
  }
  const watch = (signIn, broker = other, options = undefined) =>
    broker.rpc.WatchAccessToken({ grant_id: signIn.grantId }, options);

  it('brings the token at once, and each that another replica commits, in order', async () => {
    const signIn = await signedIn();
    const stream = watch(signIn);
    await stream.count(1);
    const expected = [signIn.held];
    for (let i = 0; i < 5; ++i) {
      expected.push(await replace(signIn));
      await stream.count(expected.length);
    }
    assert.deepEqual(stream.tokens, expected);
    const generations = stream.answers.map(({ generation }) => generation);
    assert.deepEqual(generations, [...generations].sort((a, b) => a - b));
    const [first] = stream.answers;
    const asked = await signIn.token();
    assert.deepEqual({ ...stream.answers.at(-1) }, { ...asked });
    assert.ok(first.expires_at.seconds > 0);
    stream.cancel();
  });

  it('is refused as a question is', async () => {
    const signIn = await signedIn();
    const refused = async (request, expected) => failure(await other.rpc.WatchAccessToken(request).end, expected);
    await refused({ grant_id: 'no-such-grant' }, { code: 'NOT_FOUND', reason: 'GRANT_UNKNOWN' });
    await refused({}, ARG('INVALID_REQUEST'));
    await refused({ grant_id: signIn.grantId, scopes: ['admin'] }, ARG('SCOPE_NOT_ALLOWED'));
    await refused({ client_credentials: { client: 'nobody' } }, { code: 'NOT_FOUND', reason: 'CLIENT_UNKNOWN' });
  });

  it('ends with the grant, everywhere, and says why', async () => {
    const signIn = await signedIn();
    const [here, there] = [watch(signIn, world.broker), watch(signIn)];
    await Promise.all([here.count(1), there.count(1)]);
    await signIn.rpc.RevokeGrant({ grant_id: signIn.grantId });
    for (const stream of [here, there]) {
      const end = await stream.end;
      failure(end, RELOGIN);
      assert.equal(end.facts.because, 'revoked');
    }
  });

  it('ends where the provider says that the refresh token is no good', async () => {
    const signIn = await signedIn();
    const stream = watch(signIn);
    await stream.count(1);
    for (const family of signIn.op.families.values()) family.dead = true;
    await replace(signIn).catch(() => {});
    const end = await stream.end;
    failure(end, RELOGIN);
    assert.equal(end.facts.because, 'invalid_grant');
  });

  it('renews ahead of time by itself, and only once in the fleet', async () => {
    const signIn = await signedIn({ expiresIn: 8 });
    const streams = [watch(signIn, world.broker), watch(signIn)];
    await Promise.all(streams.map((stream) => stream.count(3)));
    streams.forEach((stream) => stream.cancel());
    for (const stream of streams) assert.equal(new Set(stream.tokens).size, stream.tokens.length);
    const sent = signIn.op.requests('token').map(({ form }) => form.refresh_token).filter(Boolean);
    assert.equal(new Set(sent).size, sent.length, 'a refresh token was sent twice');
  });

  it('gives a slow reader the newest and no queue', async () => {
    // Large tokens, so that what lies on the way to a reader is full after a few.
    const signIn = await signedIn();
    const issue = signIn.op.issue.bind(signIn.op);
    signIn.op.issue = (...request) => signIn.op.secret(issue(...request) + 'x'.repeat(30_000));
    const reader = connect(other.address, { channel: { 'grpc-node.flow_control_window': 65_535 } });
    const slow = reader.WatchAccessToken({ grant_id: signIn.grantId }, { receive: false });
    const quick = watch(signIn);
    await quick.count(1);
    const many = 60;
    // A reader that is not scheduled takes nothing, whatever its library would like to read ahead.
    for (let i = 0; i < many; ++i) await quick.has(await replace(signIn));
    slow.receive();
    await slow.has(signIn.held);
    assert.equal(new Set(slow.tokens).size, slow.tokens.length);
    slow.cancel();
    quick.cancel();
    reader.close();
  });

  it('holds a stream through an outage of the store and delivers what changed meanwhile', async () => {
    const signIn = await signedIn();
    const stream = watch(signIn);
    await stream.count(1);
    proxy.leave();
    await eventually(() => other.output.includes('store unavailable'), 'the broker notices');
    const missed = await replace(signIn);
    const last = await replace(signIn);
    assert.equal(stream.ended, false);
    assert.deepEqual(stream.tokens.length, 1);
    await proxy.comeBack();
    await stream.has(last);
    assert.ok(!stream.tokens.includes(missed));
    assert.equal(stream.ended, false);
    stream.cancel();
  });

  it('gives tokens that are bound to a key too', async () => {
    const bound = await HostileWorld.start({ size: 1, client: { dpop: { signing_algorithm: 'ES256' }, response_types: ['code', 'code id_token'] } });
    const signIn = bound.newCase();
    await signIn.run('code id_token');
    const stream = bound.broker.rpc.WatchAccessToken({ grant_id: signIn.grantId });
    await stream.count(1);
    assert.equal(stream.answers[0].token_type, 'DPoP');
    assert.equal(stream.answers[0].dpop_proof, '');
    stream.cancel();
    await bound.stop();
  });

  it('carries 2,000 streams of one grant and of many, and leaves nothing behind', async () => {
    const grants = [];
    const op = await signedIn();
    for (let i = 0; i < 10; ++i) {
      const signIn = op.another();
      await signIn.run('code');
      signIn.held = (await signIn.token()).access_token;
      grants.push(signIn);
    }
    const third = await world.addReplica(); // without the proxy, which is slower than what it stands for
    const rpc = connect(third.address);
    const streams = grants.flatMap((signIn) => Array.from({ length: 200 }, () => [signIn, rpc.WatchAccessToken({ grant_id: signIn.grantId })]));
    await Promise.all(streams.map(([, stream]) => stream.count(1)));
    const before = op.count('token');
    await Promise.all(grants.map(replace));
    await Promise.all(streams.map(([signIn, stream]) => stream.has(signIn.held)));
    assert.equal(op.count('token') - before, grants.length);
    for (const [, stream] of streams) assert.equal(stream.answers.length, 2);
    const lines = () => third.output.split('\n').filter((line) => line.includes('WatchAccessToken') && line.includes('CANCELLED')).length;
    const ended = lines();
    for (const [, stream] of streams) stream.cancel();
    await eventually(() => lines() - ended >= 2000, 'all streams end', 20000);
    const [, threads] = /Threads:\s+(\d+)/.exec(readFileSync(`/proc/${third.child.process.pid}/status`, 'utf8'));
    assert.ok(Number(threads) < 50, `${threads} threads`);
    rpc.close();
    await third.stop();
  });

  it('refuses more streams than there may be', async () => {
    const signIn = await signedIn();
    const small = await world.addReplica({ server: { limits: { max_concurrent_streams: 2 } } });
    const streams = [watch(signIn, small), watch(signIn, small)];
    await Promise.all(streams.map((stream) => stream.count(1)));
    const end = await watch(signIn, small).end;
    failure(end, { code: 'RESOURCE_EXHAUSTED', reason: 'LIMIT_REACHED' });
    assert.ok(end.retryInfo);
    streams.forEach((stream) => stream.cancel());
    await small.stop();
  });

  it('ends cleanly when the broker drains', async () => {
    const signIn = await signedIn();
    const third = await world.addReplica();
    const streams = Array.from({ length: 20 }, () => watch(signIn, third));
    await Promise.all(streams.map((stream) => stream.count(1)));
    third.child.process.kill('SIGTERM');
    for (const stream of streams) {
      const end = await stream.end;
      failure(end, { code: 'UNAVAILABLE', reason: 'SHUTTING_DOWN' });
      assert.ok(end.retryInfo);
    }
    await third.stop();
  });

  it('tokenctl prints each token, and comes back when its broker does', async () => {
    const signIn = await signedIn();
    let third = await world.addReplica();
    const { port } = third;
    const tool = new Child(TOKENCTL, ['watch', signIn.grantId, `--address=127.0.0.1:${port}`]);
    const printed = () => tool.stdout.split('\n').filter(Boolean);
    await tool.until(() => printed().length === 1, 'the first token');
    await third.stop();
    const next = await replace(signIn);
    third = await Broker.start(world.config, { port });
    await tool.until(() => printed().at(-1) === next, 'the token after the restart');
    await signIn.rpc.RevokeGrant({ grant_id: signIn.grantId });
    assert.equal((await tool.exited).code, 5);
    assert.match(tool.output, /because: revoked/);
    await third.stop();
  });

  it('prints nothing secret', () => { assert.deepEqual(leaksIn(other.output), []); });
});
