// A replica that dies, or is stopped for longer than its lease, at each point of a refresh, with a
// provider that rotates refresh tokens and ends a grant whose old one comes back.
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from './harness/child.mjs';
import { CrashWorld, refreshesAt } from './harness/crash_world.mjs';
import { RELOGIN, fails } from './harness/expect.mjs';

// Where a refresh stands still, and whether the provider has acted by then.
const POINTS = [
  { point: 'before the intent', acted: false, at: ({ proxy }) => proxy.hold('commit_grant').reached },
  { point: 'after the intent', acted: false, at: ({ proxy }) => proxy.hold('commit_grant', { at: 'reply' }).reached },
  { point: 'after the request', acted: true, at: (_, signIn) => requestHeld(signIn) },
  { point: 'after the answer, before the commit', acted: true, at: ({ proxy }) => proxy.hold('commit_grant', { nth: 2 }).reached },
  { point: 'after the commit', acted: true, committed: true, at: ({ proxy }) => proxy.hold('commit_grant', { nth: 2, at: 'reply' }).reached },
];

// The provider's next answer to a refresh waits for `release`.
function holdAnswer(signIn) {
  let release;
  const when = new Promise((resolve) => { release = resolve; });
  signIn.op.next('token', { response: (answer) => ({ ...answer, when }) });
  return release;
}

function requestHeld(signIn) {
  holdAnswer(signIn);
  const sent = refreshesAt(signIn.op).length;
  return eventually(() => refreshesAt(signIn.op).length > sent, 'the refresh leaves');
}

describe('a replica is killed, the provider has a reuse leeway', () => {
  let crash;
  before(async () => { crash = await CrashWorld.start({ leeway: 30 }); });
  after(() => crash?.stop());

  for (const { point, at } of POINTS) {
    it(`R5: ${point}: nothing is lost`, async () => {
      const signIn = await crash.signedIn();
      const stands = at(crash, signIn);
      crash.renew(crash.doomed, signIn);
      await stands;
      await crash.kill();
      signIn.held = await crash.fresh(signIn);
      signIn.held = await crash.fresh(signIn);
      assert.ok(!crash.ended(signIn));
      await crash.revive();
    });
  }
});

describe('a replica is killed, the provider has no reuse leeway', () => {
  let crash;
  before(async () => { crash = await CrashWorld.start(); });
  after(() => crash?.stop());

  for (const { point, acted, committed, at } of POINTS) {
    const outcome = acted && !committed ? 'the token is served to its end, then the user is asked' : 'nothing is lost';
    it(`R5: ${point}: ${outcome}`, async () => {
      const signIn = await crash.signedIn({ expiresIn: 4 });
      const selector = { grant_id: signIn.grantId };
      const stands = at(crash, signIn);
      crash.renew(crash.doomed, signIn);
      await stands;
      await crash.kill();
      const sent = refreshesAt(signIn.op).length;
      if (point !== 'before the intent' && !committed) {
        const { access_token: token } = await crash.world.broker.rpc.GetAccessToken(selector);
        assert.equal(token, signIn.held);
        assert.equal(refreshesAt(signIn.op).length, sent, 'the refresh token waits');
      }
      if (acted && !committed) {
        const told = () => crash.world.broker.rpc.GetAccessToken(selector).then(() => false, (error) => error.reason === RELOGIN.reason);
        await eventually(told, 'the honest end', 15000);
        assert.equal(refreshesAt(signIn.op).length, sent + 1);
      } else {
        signIn.held = await crash.fresh(signIn);
        assert.ok(!crash.ended(signIn));
      }
      await crash.revive();
    });
  }
});

describe('the store goes away between answer and commit', () => {
  let crash;
  before(async () => { crash = await CrashWorld.start({ server: { drain_grace: '1s' } }); });
  after(() => crash?.stop());

  // A refresh whose answer finds no store.
  async function strand(away = () => crash.proxy.leave()) {
    const signIn = await crash.signedIn();
    const release = holdAnswer(signIn);
    crash.renew(crash.doomed, signIn);
    await eventually(() => refreshesAt(signIn.op).length === 1, 'the refresh leaves');
    away();
    release();
    return signIn;
  }

  const spooled = () => readdirSync(crash.spool).filter((name) => name.endsWith('.answer'));

  async function kept(signIn) {
    const stored = async () => {
      const { grant } = await signIn.rpc.GetGrant({ grant_id: signIn.grantId });
      return Number(grant.generation) > 1;
    };
    await eventually(stored, 'the answer is stored', 15000);
    assert.deepEqual(refreshesAt(signIn.op).length, 1);
    signIn.held = await crash.fresh(signIn);
    assert.ok(!crash.ended(signIn));
    await eventually(() => spooled().length === 0, 'the spool is empty');
  }

  it('R3: kill -9: the answer is on disk, and stored at the next start', async () => {
    const signIn = await strand();
    await eventually(() => spooled().length === 1, 'the answer is on disk');
    await crash.kill();
    await crash.proxy.comeBack();
    await crash.revive();
    await kept(signIn);
  });

  it('R4: SIGTERM: the answer is on disk, and stored at the next start', async () => {
    const signIn = await strand();
    await crash.doomed.stop('SIGTERM');
    assert.equal(spooled().length, 1);
    await crash.proxy.comeBack();
    await crash.revive();
    await kept(signIn);
  });

  it('R4: SIGTERM while the store says nothing at all', async () => {
    const signIn = await strand(() => crash.proxy.freeze());
    await crash.doomed.stop('SIGTERM');
    assert.equal(spooled().length, 1);
    crash.proxy.thaw();
    crash.proxy.cut();
    await crash.revive();
    await kept(signIn);
  });

  it('R16: the same process stores it when the store is back', async () => {
    const signIn = await strand();
    await eventually(() => spooled().length === 1, 'the answer is on disk');
    await crash.proxy.comeBack();
    await kept(signIn);
  });

  it('R3: the process starts with the store still away, and stores it later', async () => {
    const signIn = await strand();
    await eventually(() => spooled().length === 1, 'the answer is on disk');
    await crash.kill();
    await crash.revive();
    assert.equal(spooled().length, 1);
    await crash.proxy.comeBack();
    await kept(signIn);
  });

  it('R3: a grant that was revoked meanwhile stays dead, and what came is revoked', async () => {
    const signIn = await strand();
    await eventually(() => spooled().length === 1, 'the answer is on disk');
    await crash.kill();
    await signIn.rpc.RevokeGrant({ grant_id: signIn.grantId });
    const before = signIn.count('revocation');
    await crash.proxy.comeBack();
    await crash.revive();
    await eventually(() => signIn.count('revocation') >= before + 2, 'the tokens of the answer are revoked');
    await eventually(() => spooled().length === 0, 'the spool is empty');
    await fails(signIn.token(), RELOGIN);
  });

  it('R3: what cannot be read is kept aside, and keeps nothing from starting', async () => {
    await crash.doomed.stop();
    writeFileSync(join(crash.spool, 'strange.answer'), 'no answer of ours');
    await crash.revive();
    assert.ok(readdirSync(crash.spool).includes('strange.set-aside'));
    assert.ok(crash.doomed.output.includes('spooled answer set aside'), crash.doomed.output);
  });

  it('a folder belongs to one process', async () => {
    await assert.rejects(crash.world.addReplica(crash.doomedConfig), /in use by another process/);
  });
});

describe('a spool that replicas share', () => {
  let crash;
  before(async () => { crash = await CrashWorld.start({ refresh: { spool: { shared: true } } }); });
  after(() => crash?.stop());

  it('R3: whoever starts next stores what a replica that is gone has left in a folder of its own', async () => {
    const neighbour = await crash.world.addReplica(crash.doomedConfig);
    const signIn = await crash.signedIn();
    const release = holdAnswer(signIn);
    crash.renew(neighbour, signIn);
    await eventually(() => refreshesAt(signIn.op).length === 1, 'the refresh leaves');
    crash.proxy.leave();
    release();
    const spooled = () => readdirSync(crash.spool, { recursive: true }).filter((name) => name.endsWith('.answer'));
    await eventually(() => spooled().length === 1, 'the answer is on disk');
    neighbour.rpc.close();
    await neighbour.child.stop('SIGKILL');
    await crash.kill();
    await crash.proxy.comeBack();
    await crash.revive();
    const stored = async () => Number((await signIn.rpc.GetGrant({ grant_id: signIn.grantId })).grant.generation) > 1;
    await eventually(stored, 'the answer is stored', 15000);
    assert.equal(refreshesAt(signIn.op).length, 1);
    await eventually(() => spooled().length === 0, 'the spool is empty');
    signIn.held = await crash.fresh(signIn);
    assert.ok(!crash.ended(signIn));
  });
});

describe('every answer is spooled', () => {
  let crash;
  before(async () => { crash = await CrashWorld.start({ refresh: { spool: { every_answer: true } } }); });
  after(() => crash?.stop());

  it('R3: kill -9 between answer and commit loses nothing, without any leeway', async () => {
    const signIn = await crash.signedIn();
    const hold = crash.proxy.hold('commit_grant', { nth: 2 });
    crash.renew(crash.doomed, signIn);
    await hold.reached;
    await crash.kill();
    hold.cut();
    await crash.revive();
    // The refresh token is what was on disk; the access token was still being checked.
    const stored = async () => Number((await signIn.rpc.GetGrant({ grant_id: signIn.grantId })).grant.generation) > 1;
    await eventually(stored, 'the answer is stored', 15000);
    await crash.fresh(signIn);
    const sent = refreshesAt(signIn.op).map(({ form }) => form.refresh_token);
    assert.equal(new Set(sent).size, 2);
    assert.ok(!crash.ended(signIn));
  });
});

describe('a replica that stands still', () => {
  let crash;
  before(async () => { crash = await CrashWorld.start({ leeway: 30 }); });
  after(() => crash?.stop());

  it('R2: stopped for longer than its lease, it can write nothing any more', async () => {
    const signIn = await crash.signedIn();
    const release = holdAnswer(signIn);
    const late = crash.renew(crash.doomed, signIn);
    await eventually(() => refreshesAt(signIn.op).length === 1, 'the refresh leaves');
    crash.doomed.child.process.kill('SIGSTOP');
    release();
    const old = signIn.held;
    const token = await crash.fresh(signIn);
    const { grant: before } = await signIn.rpc.GetGrant({ grant_id: signIn.grantId });
    crash.doomed.child.process.kill('SIGCONT');
    assert.equal((await late).access_token, token, 'it gets what the other has stored');
    const { grant } = await signIn.rpc.GetGrant({ grant_id: signIn.grantId });
    assert.equal(grant.generation, before.generation);
    assert.notEqual(token, old);
    signIn.held = token;
    await crash.fresh(signIn);
    assert.ok(!crash.ended(signIn));
  });

  it('R2: an answer that takes ten times the lease is one refresh, for callers at both', async () => {
    const signIn = await crash.signedIn();
    signIn.op.next('token', { response: (answer) => ({ ...answer, delayMs: 10000 }) });
    const calls = [crash.doomed, crash.world.broker].map((broker) => crash.renew(broker, signIn));
    const [here, there] = await Promise.all(calls);
    assert.equal(here.access_token, there.access_token);
    assert.equal(refreshesAt(signIn.op).length, 1);
  });
});
