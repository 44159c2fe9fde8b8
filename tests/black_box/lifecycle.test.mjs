// How a replica comes and goes: ready when it can serve, and gone without taking anything with it.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { Broker, baseConfig } from './harness/broker.mjs';
import { eventually } from './harness/child.mjs';
import { CrashWorld, refreshesAt } from './harness/crash_world.mjs';
import { Health } from './harness/health.mjs';
import { clientConfig, providerConfig } from './harness/hostile_world.mjs';
import { secret } from './harness/secrets.mjs';
import { HostileServer } from '../providers/hostile/server.mjs';

const BROKER = 'tokenbroker.v1.TokenBroker';

// An answer of the provider that waits until it is let go.
function held() {
  let release;
  const when = new Promise((resolve) => { release = resolve; });
  return { tweak: { response: (answer) => ({ ...answer, when }) }, release };
}

describe('a replica that starts', () => {
  let server;
  before(async () => { server = await HostileServer.start(); });
  after(() => server?.close());

  function configFor(...ids) {
    const clientSecret = secret('client secret', randomBytes(24).toString('hex'));
    const ops = ids.map((id) => server.tenant(id, { clientSecret }));
    const config = baseConfig({
      providers: ids.map((id) => providerConfig(`${server.origin}/t/${id}`, id)),
      clients: ids.map((id) => clientConfig(id, clientSecret)),
    });
    return { config, ops };
  }
  const begin = (broker, id) => broker.rpc.CreateAuthorizationUrl({
    client: id, redirect_uri: `https://app.example.org/callback/${id}`, response_type: 'code', response_mode: 'form_post',
  });

  it('is ready when it has looked at its providers, which callers then need not wait for', async () => {
    const { config, ops: [op] } = configFor('looked-at');
    const discovery = held();
    op.next('discovery', discovery.tweak);
    const broker = await Broker.start(config);
    const health = new Health(broker.address);
    await eventually(() => op.requests('discovery').length === 1, 'the provider is asked');
    assert.equal(await health.isServing(), false);
    assert.equal(await health.isServing(BROKER), false);
    discovery.release();
    await eventually(() => health.isServing(), 'it is ready', 2000);
    assert.equal(await health.isServing(BROKER), true);
    await begin(broker, 'looked-at');
    assert.equal(op.requests('discovery').length, 1);
    health.close();
    await broker.stop();
  });

  it('is ready though a provider is away or says nothing, and asks it again for the first caller', async () => {
    const { config, ops: [silent, failing] } = configFor('silent', 'failing');
    const discovery = held();
    silent.next('discovery', discovery.tweak);
    failing.next('discovery', { instead: { status: 500 } }, 2);
    const broker = await Broker.start(config);
    const health = new Health(broker.address);
    const began = Date.now();
    await eventually(() => health.isServing(), 'it is ready', 8000);
    assert.ok(Date.now() - began > 2000, 'it gave the silent one time');
    await begin(broker, 'failing');
    discovery.release();
    await begin(broker, 'silent');
    health.close();
    await broker.stop();
  });
});

describe('a replica that is told to end', () => {
  let crash;
  before(async () => {
    // Longer than any of these tests may take.
    crash = await CrashWorld.start({ leeway: 60, refresh: { lease: '60s' }, server: { drain_grace: '2s' } });
  });
  after(() => crash?.stop());

  it('finishes the refresh that a caller waits for, and stores it', async () => {
    const signIn = await crash.signedIn();
    const answer = held();
    signIn.op.next('token', answer.tweak);
    const sent = refreshesAt(signIn.op).length;
    const renewed = crash.renew(crash.doomed, signIn);
    await eventually(() => refreshesAt(signIn.op).length > sent, 'the refresh leaves');
    crash.doomed.child.process.kill('SIGTERM');
    await eventually(() => crash.doomed.output.includes('"stopping"'), 'it has heard');
    answer.release();
    const { access_token: token } = await renewed;
    assert.notEqual(token, signIn.held);
    assert.deepEqual(await crash.doomed.child.exited, { code: 0, signal: null });
    const other = await crash.world.broker.rpc.GetAccessToken({ grant_id: signIn.grantId });
    assert.equal(other.access_token, token);
    assert.equal(refreshesAt(signIn.op).length, sent + 1);
    crash.doomed.rpc.close();
    await crash.revive();
  });

  it('hands back the lease of a refresh that the provider does not answer in time', async () => {
    const signIn = await crash.signedIn();
    const answer = held();
    signIn.op.next('token', answer.tweak);
    const sent = refreshesAt(signIn.op).length;
    crash.renew(crash.doomed, signIn);
    await eventually(() => refreshesAt(signIn.op).length > sent, 'the refresh leaves');
    await crash.doomed.stop();
    const began = Date.now();
    const token = await crash.fresh(signIn, 20000);
    assert.ok(Date.now() - began < 10000, `another replica waited ${Date.now() - began} ms, where the lease is 60 s`);
    assert.notEqual(token, signIn.held);
    assert.ok(!crash.ended(signIn));
    answer.release();
    await crash.revive();
  });

  it('takes no new call while the running ones finish', async () => {
    const signIn = await crash.signedIn();
    const answer = held();
    signIn.op.next('token', answer.tweak);
    const sent = refreshesAt(signIn.op).length;
    const running = crash.renew(crash.doomed, signIn);
    await eventually(() => refreshesAt(signIn.op).length > sent, 'the refresh leaves');
    crash.doomed.child.process.kill('SIGTERM');
    await eventually(() => crash.doomed.output.includes('"stopping"'), 'it has heard');
    const isRefused = () => crash.doomed.rpc.GetGrant({ grant_id: signIn.grantId }).then(() => false, ({ code }) => code === 'UNAVAILABLE');
    await eventually(isRefused, 'it takes no new call', 1500);
    answer.release();
    await running;
    assert.deepEqual(await crash.doomed.child.exited, { code: 0, signal: null });
    crash.doomed.rpc.close();
    await crash.revive();
  });
});
