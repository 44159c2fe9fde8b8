// Several brokers on one Redis: they share grants and sign-ins, and refresh each grant once.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { redisStore } from './harness/broker.mjs';
import { eventually } from './harness/child.mjs';
import { RELOGIN, fails } from './harness/expect.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { Redis } from './harness/redis.mjs';
import { leaksIn } from './harness/secrets.mjs';

describe('two replicas', () => {
  let redis;
  let world;
  let other;
  before(async () => {
    redis = await Redis.start();
    world = await HostileWorld.start({
      size: 20,
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

  async function signedIn() {
    const signIn = world.newCase();
    await signIn.run('code id_token');
    signIn.held = (await signIn.token()).access_token;
    return signIn;
  }
  const refreshes = ({ op }) =>
    op.requests('token').filter(({ form }) => form.grant_type === 'refresh_token');

  it('a sign-in begun at one is finished at the other', async () => {
    const signIn = world.newCase();
    await signIn.begin();
    const request = { ...signIn.authorize(), browser_binding: signIn.begun.browser_binding };
    const { grant } = await other.rpc.SubmitCallback(request);
    const here = await signIn.rpc.GetAccessToken({ grant_id: grant.grant_id });
    const there = await other.rpc.GetAccessToken({ grant_id: grant.grant_id });
    assert.equal(here.access_token, there.access_token);
  });

  it('cb-state-race: one callback at both makes one token request', async () => {
    const signIn = world.newCase();
    signIn.op.next('token', { response: (answer) => ({ ...answer, delayMs: 100 }) });
    await signIn.begin();
    const request = { ...signIn.authorize(), browser_binding: signIn.begun.browser_binding };
    const answers = await Promise.allSettled(
      Array.from({ length: 50 }, (_, i) => (i % 2 ? other.rpc : signIn.rpc).SubmitCallback(request)),
    );
    const grants = new Set();
    for (const { value, reason } of answers) {
      if (value) grants.add(value.grant.grant_id);
      else assert.deepEqual([reason.code, Boolean(reason.retryInfo)], ['UNAVAILABLE', true], reason.message);
    }
    assert.equal(grants.size, 1);
    assert.equal(signIn.count('token'), 1);
  });

  it('ref-two-replicas: forty callers at both, one refresh', async () => {
    const signIn = await signedIn();
    signIn.op.next('token', { response: (answer) => ({ ...answer, delayMs: 200 }) });
    const wish = { grant_id: signIn.grantId, rejected_access_token: signIn.held };
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => (i % 2 ? other.rpc : signIn.rpc).GetAccessToken(wish)),
    );
    assert.equal(new Set(answers.map((answer) => answer.access_token)).size, 1);
    assert.equal(refreshes(signIn).length, 1);
  });

  it('ref-two-replicas: sixty callers at three replicas, one refresh (R1, R13)', async () => {
    const signIn = await signedIn();
    const third = await world.addReplica();
    signIn.op.next('token', { response: (answer) => ({ ...answer, delayMs: 500 }) });
    const wish = { grant_id: signIn.grantId, rejected_access_token: signIn.held };
    const brokers = [world.broker, other, third];
    const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => brokers[i % 3].rpc.GetAccessToken(wish)));
    assert.equal(new Set(answers.map((answer) => answer.access_token)).size, 1);
    assert.equal(refreshes(signIn).length, 1);
    assert.ok([...signIn.op.families.values()].every((family) => !family.dead));
    await third.stop();
  });

  it('ref-two-replicas: tokens for two audiences share one refresh token, wherever they are made (R7, R8)', async () => {
    const signIn = await signedIn();
    const audiences = ['https://api.example.org/a', 'https://api.example.org/b'];
    const calls = audiences.flatMap((audience) => [world.broker, other].map((broker) =>
      broker.rpc.GetAccessToken({ grant_id: signIn.grantId, audience })));
    const [a, again, b, bAgain] = (await Promise.all(calls)).map((answer) => answer.access_token);
    assert.equal(a, again);
    assert.equal(b, bAgain);
    assert.notEqual(a, b);
    const sent = refreshes(signIn).map(({ form }) => form.refresh_token);
    assert.equal(sent.length, 2);
    assert.equal(new Set(sent).size, 2);
  });

  it('ref-two-replicas: taking turns, no refresh token is sent twice', async () => {
    const signIn = await signedIn();
    for (let i = 0; i < 6; ++i) {
      const rpc = i % 2 ? signIn.rpc : other.rpc;
      const wish = { grant_id: signIn.grantId, rejected_access_token: signIn.held };
      signIn.held = (await rpc.GetAccessToken(wish)).access_token;
    }
    const sent = refreshes(signIn).map(({ form }) => form.refresh_token);
    assert.equal(sent.length, 6);
    assert.equal(new Set(sent).size, 6);
  });

  it('a grant revoked at one is gone at the other', async () => {
    const signIn = await signedIn();
    const selector = { grant_id: signIn.grantId };
    await other.rpc.GetAccessToken(selector);
    await signIn.rpc.RevokeGrant(selector);
    const gone = () => other.rpc.GetAccessToken(selector).then(() => false, (error) => error.reason === RELOGIN.reason);
    await eventually(gone, 'the other replica knows', 5000);
    assert.equal(refreshes(signIn).length, 0);
  });

  it('grants live longer than brokers', async () => {
    const signIn = await signedIn();
    const third = await world.addReplica();
    const wish = { grant_id: signIn.grantId, rejected_access_token: signIn.held };
    const { access_token: token } = await third.rpc.GetAccessToken(wish);
    await third.stop();
    assert.equal((await other.rpc.GetAccessToken({ grant_id: signIn.grantId })).access_token, token);
  });

  it('a broker with other keys opens nothing, and harms nothing', async () => {
    const signIn = await signedIn();
    const stranger = await world.addReplica(redisStore(redis.port));
    const error = await stranger.rpc.GetAccessToken({ grant_id: signIn.grantId }).then(
      () => assert.fail('opened'),
      (e) => e,
    );
    assert.ok(['RECORD_UNREADABLE', 'GRANT_UNKNOWN'].includes(error.reason), error.message);
    await stranger.stop();
    assert.equal((await signIn.token()).access_token, signIn.held);
  });

  it('a replica that dies in the middle of a refresh costs a wait, not the grant', async () => {
    const signIn = await signedIn();
    const doomed = await world.addReplica();
    signIn.op.next('token', { response: () => ({ hang: true }) });
    const wish = { grant_id: signIn.grantId, rejected_access_token: signIn.held };
    const lost = doomed.rpc.GetAccessToken(wish).catch(() => {});
    await eventually(() => refreshes(signIn).length === 1, 'the refresh leaves');
    doomed.rpc.close();
    await doomed.child.stop('SIGKILL');
    await lost;
    const error = await signIn.rpc.GetAccessToken({ grant_id: signIn.grantId }).catch((e) => e);
    assert.equal(error.access_token, signIn.held, String(error));
  });

  it('Redis never sees a secret, a subject or a state in the clear', async () => {
    const signIn = await signedIn();
    await signIn.begin();
    const held = await redis.snapshot();
    assert.ok(held.length > 1000);
    for (const op of world.server.tenants) {
      for (const value of op.secrets) assert.ok(!held.includes(value), 'a secret of the provider');
    }
    assert.deepEqual(leaksIn(held), []);
    assert.ok(!held.includes('user-1'), 'a subject');
  });

  it('a stolen session of another caller or tenant is of no use', async () => {
    const [a, b] = [await signedIn(), await signedIn()];
    const selector = { subject_grant: { client: b.client, subject: 'user-1' } };
    const found = await other.rpc.GetAccessToken(selector);
    assert.equal(found.access_token, b.held);
    assert.notEqual(found.access_token, a.held);
    await fails(other.rpc.GetAccessToken({ subject_grant: { client: b.client, subject: 'user-2' } }), {
      code: 'NOT_FOUND',
      reason: 'GRANT_UNKNOWN',
    });
  });
});
