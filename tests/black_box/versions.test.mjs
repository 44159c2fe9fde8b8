// Replicas of different versions beside each other, as in an upgrade and after a rollback. The other version is the test's
// own: it writes records as an older or a newer broker would.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { redisStore } from './harness/broker.mjs';
import { eventually } from './harness/child.mjs';
import { fails } from './harness/expect.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { Redis } from './harness/redis.mjs';
import { member, StoredGrants } from './harness/stored_grants.mjs';

const TOO_NEW = { code: 'INTERNAL', reason: 'RECORD_UNREADABLE', facts: { check: 'version' } };

describe('a replica beside one of another version', () => {
  let redis;
  let world;
  let stored;
  before(async () => {
    redis = await Redis.start();
    world = await HostileWorld.start({ size: 4, config: redisStore(redis.port), client: { refresh: { floor: '0s' } } });
    stored = new StoredGrants(redis, world.config.encryption);
  });
  after(async () => {
    await world?.stop();
    await redis?.stop();
  });

  async function signedIn() {
    const one = world.newCase();
    await one.run();
    one.held = (await one.token()).access_token;
    return one;
  }
  const renew = async (one) => {
    const { access_token: token } = await one.token({ rejected_access_token: one.held });
    assert.notEqual(token, one.held);
    one.held = token;
  };

  it('keeps what a newer one wrote when it writes the record itself, so that a rollback loses nothing', async () => {
    const one = await signedIn();
    const news = member(900, 'what only the newer one knows');
    stored.rewrite(one.grantId, (record) => { record.version.written_by += 7; }, news);
    await renew(one);
    await renew(one);
    assert.ok(stored.read(one.grantId).includes(news), 'it is still there after two refreshes');
    assert.equal(stored.parsed(one.grantId).generation.toString(), '3');
    await one.rpc.RevokeGrant({ grant_id: one.grantId });
  });

  it('leaves a record as it is that only a newer one can read, and says so', async () => {
    const one = await signedIn();
    stored.rewrite(one.grantId, (record) => { Object.assign(record.version, { written_by: 9, readable_from: 9 }); });
    const sealed = stored.sealed(one.grantId);
    await eventually(() => one.token().then(() => false, () => true), 'it has heard of the change');
    for (let i = 0; i < 3; i += 1) {
      await fails(one.token(), TOO_NEW);
      await fails(one.token({ rejected_access_token: one.held }), TOO_NEW);
      await fails(one.rpc.GetGrant({ grant_id: one.grantId }), TOO_NEW);
    }
    assert.ok(stored.sealed(one.grantId).equals(sealed), 'it has not touched it');
    assert.equal(one.op.requests('token').filter(({ form }) => form.grant_type === 'refresh_token').length, 0);
    // The newer one, which can read it, writes it as all can: the feature is switched off again.
    stored.rewrite(one.grantId, (record) => { record.version.readable_from = 1; });
    await eventually(() => one.token().then(() => true, () => false), 'it can be read again');
    await renew(one);
  });

  it('goes on with what an older one wrote', async () => {
    const one = await signedIn();
    stored.rewrite(one.grantId, (record) => {
      Object.assign(record.version, { written_by: 1, readable_from: 1 });
      delete record.intent;
      delete record.dpop_key;
      delete record.last_refreshed_at;
    });
    await renew(one);
    const { grant } = await one.rpc.GetGrant({ grant_id: one.grantId });
    assert.equal(grant.state, 'GRANT_STATE_ACTIVE');
    assert.ok(stored.parsed(one.grantId).version.written_by > 1, 'it writes as itself');
  });
});
