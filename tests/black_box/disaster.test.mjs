// docs/operations.md, "Backup and restore" and "Disaster": what it says is so.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { Broker, redisStore } from './harness/broker.mjs';
import { eventually } from './harness/child.mjs';
import { RELOGIN, fails } from './harness/expect.mjs';
import { Health } from './harness/health.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { Redis } from './harness/redis.mjs';
import { connectAdmin } from './harness/rpc.mjs';
import { secret } from './harness/secrets.mjs';

const OPERATOR = { callers: [{ name: 'tests', clients: ['*'], rpcs: ['*', 'Admin/*'], grants: 'own' }] };
const UNREADABLE = { code: 'INTERNAL', reason: 'RECORD_UNREADABLE' };
const key = (id) => ({ id, key: { inline: secret('sealing key', randomBytes(32).toString('hex')) } });

describe('Redis is lost or put back', () => {
  let redis;
  let world;
  let other;
  before(async () => {
    redis = await Redis.start();
    world = await HostileWorld.start({ size: 10, config: redisStore(redis.port), client: { refresh: { floor: '0s' } } });
    other = await world.addReplica();
  });
  after(async () => {
    await other?.stop();
    await world?.stop();
    await redis?.stop();
  });

  // Another Redis takes the place of the one that there was.
  async function replaceRedis(options) {
    const { port } = redis;
    await redis.stop();
    redis = await Redis.start({ port, ...options });
    for (const broker of [world.broker, other]) {
      const health = new Health(broker.address);
      await eventually(() => health.isServing(), 'it is ready again', 20000);
      // Changes are heard again, too.
      await eventually(() => broker.rpc.ListGrants({}).then(() => true), 'the store answers', 20000);
      health.close();
    }
  }
  const renew = (signIn, held) => signIn.token({ rejected_access_token: held });

  it('serves new sign-ins without a restart when all is lost', async () => {
    const before_ = world.newCase();
    await before_.run();
    await before_.token();
    await replaceRedis();
    await eventually(() => before_.token().then(() => false, ({ reason }) => reason === 'GRANT_UNKNOWN'), 'the grant is gone', 15000);
    const after_ = world.newCase();
    await after_.run();
    assert.ok((await after_.token()).access_token);
    const { grants } = await other.rpc.ListGrants({ client: after_.client });
    assert.deepEqual(grants.map(({ grant_id: id }) => id), [after_.grantId], 'both name things alike again');
  });

  it('goes on from a backup with all grants that were not refreshed since', async () => {
    const [still, refreshed] = [world.newCase(), world.newCase()];
    for (const each of [still, refreshed]) await each.run();
    const { access_token: first } = await still.token();
    const { access_token: old } = await refreshed.token();
    const snapshot = await redis.snapshot();
    const { access_token: newer } = await renew(refreshed, old);
    await replaceRedis({ snapshot });
    assert.notEqual((await renew(still, first)).access_token, first);
    // Its refresh token was spent since; what the provider says to it is the end of the grant.
    await fails(renew(refreshed, newer).then(({ access_token: token }) => renew(refreshed, token)), RELOGIN);
  });
});

describe('sealing keys are lost', () => {
  let redis;
  before(async () => { redis = await Redis.start(); });
  after(() => redis?.stop());

  it('an older one: only what it has sealed does not open', async () => {
    const { store: at } = redisStore(redis.port, { key_prefix: 'older' });
    const [old, fresh] = [key('old'), key('fresh')];
    const world = await HostileWorld.start({ size: 2, config: { ...OPERATOR, store: at, encryption: { keys: [old] } } });
    const sealedOld = world.newCase();
    await sealedOld.run();
    const both = await Broker.start({ ...world.config, encryption: { keys: [fresh, old] } });
    await eventually(() => both.output.includes('"ready"'), 'it has read what there is');
    await both.stop();
    const lost = await Broker.start({ ...world.config, encryption: { keys: [fresh] } });
    await fails(lost.rpc.GetAccessToken({ grant_id: sealedOld.grantId }), UNREADABLE);
    const admin = connectAdmin(lost.address);
    const counted = await admin.RewrapGrants({});
    assert.deepEqual([counted.unreadable_grants, counted.rewrapped_grants], [1, 0]);
    admin.close();
    const health = new Health(lost.address);
    await eventually(() => health.isServing(), 'it is ready');
    health.close();
    const { op } = sealedOld;
    const again = sealedOld.another();
    again.world = { broker: lost };
    await again.run();
    assert.ok((await again.token()).access_token);
    assert.ok(op.requests('token').length >= 2);
    await lost.stop();
    await world.stop();
  });

  it('the first one: not ready, until another prefix or an empty Redis is used', async () => {
    const { store: at } = redisStore(redis.port, { key_prefix: 'first' });
    const world = await HostileWorld.start({ size: 1, config: { store: at, encryption: { keys: [key('lost')] } } });
    const signIn = world.newCase();
    await signIn.run();
    const config = { ...world.config, encryption: { keys: [key('new')] } };
    const stuck = await Broker.start(config);
    const health = new Health(stuck.address);
    await fails(stuck.rpc.GetAccessToken({ grant_id: signIn.grantId }), UNREADABLE);
    assert.equal(await health.isServing(), false);
    health.close();
    await stuck.stop();
    const { store: apart } = redisStore(redis.port, { key_prefix: 'apart' });
    const fresh = await Broker.start({ ...config, store: apart });
    const again = signIn.another();
    again.world = { broker: fresh };
    await again.run();
    assert.ok((await again.token()).access_token);
    await fresh.stop();
    await world.stop();
  });
});
