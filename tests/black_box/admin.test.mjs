// tokenbroker.admin.v1.Admin, and tokenctl admin on top of it.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Broker, redisStore } from './harness/broker.mjs';
import { Child } from './harness/child.mjs';
import { ARG, RELOGIN, UP, fails } from './harness/expect.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { Redis } from './harness/redis.mjs';
import { connectAdmin } from './harness/rpc.mjs';
import { secret } from './harness/secrets.mjs';

const TOKENCTL = fileURLToPath(new URL('../../build/release/client/tokenctl/tokenctl', import.meta.url));
const NOT_ALLOWED = { code: 'PERMISSION_DENIED', reason: 'CALLER_NOT_ALLOWED' };
const OPERATOR = { callers: [{ name: 'tests', clients: ['*'], rpcs: ['*', 'Admin/*'], grants: 'own' }] };

async function tokenctl(broker, ...args) {
  const child = new Child(TOKENCTL, args, { env: { ...process.env, TOKEN_BROKER_ADDRESS: broker.address }, stdio: ['ignore', 'pipe', 'pipe'] });
  const { code } = await child.exited;
  return { code, stdout: child.stdout, output: child.output };
}

// The same at a terminal, where `answer` is typed once `question` has been asked.
async function atTerminal(broker, args, question, answer) {
  const child = new Child('script', ['--quiet', '--return', '--flush', '--command', [TOKENCTL, ...args].join(' '), '/dev/null'], {
    env: { ...process.env, TOKEN_BROKER_ADDRESS: broker.address }, stdio: ['pipe', 'pipe', 'pipe'],
  });
  if (question) {
    await child.until(() => question.test(child.output), 'it asks');
    child.process.stdin.write(`${answer}\n`);
  }
  const { code } = await child.exited;
  return { code, output: child.output };
}

for (const store of ['memory', 'redis']) {
  describe(`the admin service, grants in ${store}`, () => {
    let redis;
    let world;
    let admin;
    before(async () => {
      if (store === 'redis') redis = await Redis.start();
      world = await HostileWorld.start({ size: 20, config: { ...OPERATOR, ...(redis && redisStore(redis.port)) } });
      admin = connectAdmin(world.broker.address);
    });
    after(async () => {
      admin?.close();
      await world?.stop();
      await redis?.stop();
    });

    it('lists grants with whose they are, page by page, and without their tokens', async () => {
      const one = world.newCase();
      await one.run();
      await one.another().run();
      await one.another().run();
      const seen = [];
      let page_token = '';
      do {
        const page = await admin.ListGrants({ client: one.client, page_size: 2, page_token });
        assert.ok(page.grants.length <= 2);
        seen.push(...page.grants);
        page_token = page.next_page_token;
      } while (page_token);
      assert.equal(seen.length, 3);
      for (const { caller, grant } of seen) assert.deepEqual([caller, grant.client], ['tests', one.client]);
      await fails(admin.ListGrants({ client: one.client, page_token: 'made up' }), ARG('PAGE_TOKEN_INVALID'));
    });

    it('refreshes a grant whose token is still good', async () => {
      const one = world.newCase();
      await one.run();
      const { access_token: before, generation } = await one.token();
      const { grant } = await admin.RefreshGrant({ grant_id: one.grantId });
      assert.equal(grant.generation, generation + 1);
      assert.notEqual((await one.token()).access_token, before);
      await fails(admin.RefreshGrant({ grant_id: 'nobodys' }), { code: 'NOT_FOUND', reason: 'GRANT_UNKNOWN' });
      await fails(admin.RefreshGrant({}), ARG('INVALID_REQUEST'));
    });

    it('says why a refresh fails, and the token is served as before', async () => {
      const one = world.newCase({ rotation: false });
      await one.run();
      const { access_token: held } = await one.token();
      one.op.next('token', { instead: { status: 503, headers: {}, body: '' } });
      await fails(admin.RefreshGrant({ grant_id: one.grantId }), UP);
      assert.equal((await one.token()).access_token, held);
    });

    it('ends all grants of a client, page by page, and those of others are left', async () => {
      const [one, other] = [world.newCase(), world.newCase()];
      await other.run();
      const cases = [one, one.another(), one.another()];
      for (const each of cases) await each.run();
      await fails(admin.RevokeGrants({}), ARG('INVALID_REQUEST'));
      await fails(admin.RevokeGrants({ client: 'nobody' }), { code: 'NOT_FOUND', reason: 'CLIENT_UNKNOWN' });
      let revoked = 0;
      let page_token = '';
      do {
        const page = await admin.RevokeGrants({ client: one.client, page_size: 2, page_token });
        revoked += page.revoked_grants;
        page_token = page.next_page_token;
      } while (page_token);
      assert.equal(revoked, 3);
      for (const each of cases) await fails(each.token(), RELOGIN);
      await other.token();
      assert.equal((await admin.RevokeGrants({ client: one.client })).revoked_grants, 0, 'twice');
    });

    it('describes providers and the scheduler', async () => {
      const { providers } = await admin.DescribeProviders();
      assert.equal(providers.length, 20);
      assert.deepEqual([providers[0].name, providers[0].issuer], ['case-1', `${world.server.origin}/t/case-1`]);
      const scheduler = await admin.DescribeScheduler();
      assert.equal(scheduler.enabled, false);
      assert.equal(scheduler.overdue, 0);
    });

    it('has a command for each, with tables for people and JSON for scripts', async () => {
      const one = world.newCase();
      await one.run();
      const table = await tokenctl(world.broker, 'admin', 'grants', `--client=${one.client}`);
      assert.equal(table.code, 0, table.output);
      assert.match(table.stdout, new RegExp(`GRANT +STATE +CALLER.*\n${one.grantId} +active +tests +${one.client}`));
      const json = await tokenctl(world.broker, 'admin', 'grants', `--client=${one.client}`, '--json');
      assert.equal(JSON.parse(json.stdout).grant.grant_id, one.grantId);
      assert.match((await tokenctl(world.broker, 'admin', 'refresh', one.grantId)).stdout, /generation +2/);
      assert.match((await tokenctl(world.broker, 'admin', 'providers')).stdout, /PROVIDER.*\ncase-1 /);
      assert.match((await tokenctl(world.broker, 'admin', 'scheduler')).stdout, /enabled +no/);
      assert.match((await tokenctl(world.broker, 'admin', 'rewrap')).stdout, /0 sealed anew, [1-9]\d* already current, 0 unreadable/);
      assert.equal((await tokenctl(world.broker, 'admin', 'revoke', `--client=${one.client}`)).code, 2, 'no terminal and no --yes');
      assert.match((await tokenctl(world.broker, 'admin', 'revoke', `--client=${one.client}`, '--yes')).stdout, /^1 grants ended/);
      assert.equal((await tokenctl(world.broker, 'admin', 'revoke', '--yes')).code, 2, 'no client');
      assert.equal((await tokenctl(world.broker, 'admin', 'tidy')).code, 2);
    });
  });
}

describe('tokenctl at a terminal', () => {
  let world;
  before(async () => { world = await HostileWorld.start({ size: 2, config: OPERATOR }); });
  after(() => world?.stop());

  it('asks before it ends grants for good', async () => {
    const one = world.newCase();
    await one.run();
    for (const [args, question] of [
      [['admin', 'revoke', `--client=${one.client}`], /End ALL grants of client case-1 for good\? \[y\/N\] $/],
      [['admin', 'revoke', `--client=${one.client}`, '--subject=user-1'], /End all grants of user-1 at client case-1 for good\? \[y\/N\] $/],
      [['revoke', one.grantId], new RegExp(`End grant ${one.grantId} for good\\? \\[y/N\\] $`)],
    ]) {
      for (const answer of ['', 'n', 'yes of course']) {
        const { code, output } = await atTerminal(world.broker, args, question, answer);
        assert.equal(code, 1, output);
      }
    }
    await one.token();
  });

  it('shows how far long work is', async () => {
    const one = world.newCase();
    for (const each of [one, one.another()]) await each.run();
    const rewrapped = await atTerminal(world.broker, ['admin', 'rewrap']);
    assert.match(rewrapped.output, /\r0 sealed anew, 3 already current\x1b\[K\r\x1b\[K0 sealed anew, 3 already current, 0 unreadable/);
    const revoked = await atTerminal(world.broker, ['admin', 'revoke', `--client=${one.client}`, '--subject=user-1'], /\[y\/N\] $/, 'y');
    assert.equal(revoked.code, 0, revoked.output);
    assert.match(revoked.output, /\r2 grants ended\x1b\[K\r\x1b\[K2 grants ended/);
    await fails(one.token(), RELOGIN);
  });
});

describe('the admin service', () => {
  it('is for callers alone whose policy names its RPCs', async () => {
    const world = await HostileWorld.start({ size: 1 });
    const admin = connectAdmin(world.broker.address);
    for (const name of Object.keys(admin)) {
      if (name !== 'close') await fails(admin[name]({}), NOT_ALLOWED);
    }
    const refused = await tokenctl(world.broker, 'admin', 'scheduler');
    assert.equal(refused.code, 4, refused.output);
    admin.close();
    await world.stop();
  });

  it('seals every record with the newest key, so that the old one can go', async () => {
    const redis = await Redis.start();
    const key = (id) => ({ id, key: { inline: secret('sealing key', randomBytes(32).toString('hex')) } });
    const [old, fresh] = [key('old'), key('fresh')];
    const { store } = redisStore(redis.port);
    const keys = (...list) => ({ store, encryption: { keys: list } });
    const world = await HostileWorld.start({ size: 3, config: { ...OPERATOR, ...keys(old) } });
    const cases = [world.newCase(), world.newCase(), world.newCase()];
    for (const each of cases) await each.run();

    const rotated = await Broker.start({ ...world.config, ...keys(fresh, old) });
    const admin = connectAdmin(rotated.address);
    const sum = { rewrapped: 0, current: 0, unreadable: 0 };
    let page_token = '';
    do {
      const page = await admin.RewrapGrants({ page_size: 1, page_token });
      sum.rewrapped += page.rewrapped_grants;
      sum.current += page.current_grants;
      sum.unreadable += page.unreadable_grants;
      page_token = page.next_page_token;
    } while (page_token);
    assert.deepEqual(sum, { rewrapped: 3, current: 0, unreadable: 0 });
    const again = await admin.RewrapGrants({});
    assert.deepEqual([again.rewrapped_grants, again.current_grants], [0, 3]);
    admin.close();
    await rotated.stop();

    const after_ = await Broker.start({ ...world.config, ...keys(fresh) });
    for (const each of cases) {
      const { access_token: token } = await after_.rpc.GetAccessToken({ grant_id: each.grantId });
      assert.ok(token);
    }
    await after_.stop();

    const without = await Broker.start({ ...world.config, ...keys(key('third'), fresh) });
    const third = connectAdmin(without.address);
    assert.equal((await third.RewrapGrants({})).rewrapped_grants, 3);
    third.close();
    await without.stop();
    await world.stop();
    await redis.stop();
  });
});
