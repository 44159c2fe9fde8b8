// What callers can see and end: GetGrant, ListGrants, RevokeGrant, GetUserInfo.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { redisStore } from './harness/broker.mjs';
import { fails } from './harness/expect.mjs';
import { RealWorld } from './harness/real_world.mjs';
import { Redis } from './harness/redis.mjs';
import { plain } from './harness/rpc.mjs';

const UNKNOWN = { code: 'NOT_FOUND', reason: 'GRANT_UNKNOWN' };

for (const store of ['memory', 'redis']) {
  describe(`grants in ${store}`, () => {
    let world;
    let redis;

    before(async () => {
      if (store === 'redis') redis = await Redis.start();
      world = await RealWorld.start({ config: redis ? redisStore(redis.port) : {} });
    });
    after(async () => {
      await world?.stop();
      await redis?.stop();
    });

    const signIn = async (request, user) => (await world.signIn(request, user)).grant;

    it('can be looked at', async () => {
      const grant = await signIn();
      const { grant: seen } = await world.rpc.GetGrant({ grant_id: grant.grant_id });
      assert.deepEqual(seen, grant);
    });

    it('are unknown where nobody made them', async () => {
      const id = { grant_id: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' };
      for (const rpc of ['GetGrant', 'RevokeGrant', 'GetUserInfo', 'GetAccessToken']) {
        await fails(world.rpc[rpc](id), UNKNOWN);
      }
    });

    it('are listed by page, newest first, each once', async () => {
      const made = [];
      for (let i = 0; i < 5; ++i) made.unshift((await signIn({ client: 'patient' })).grant_id);
      const listed = [];
      let page = { next_page_token: '' };
      do {
        const request = { client: 'patient', page_size: 2, page_token: page.next_page_token };
        page = await world.rpc.ListGrants(request);
        assert.ok(page.grants.length <= 2);
        listed.push(...page.grants.map((grant) => grant.grant_id));
      } while (page.next_page_token);
      assert.deepEqual(listed, made);
    });

    it('are listed by subject and state', async () => {
      const bobs = await signIn({}, { login: 'bob' });
      const gone = await signIn({}, { login: 'bob' });
      await signIn({}, { login: 'carol' });
      await world.rpc.RevokeGrant({ grant_id: gone.grant_id });
      const list = async (filter) =>
        (await world.rpc.ListGrants({ subject: 'bob', ...filter })).grants.map((g) => g.grant_id);
      assert.deepEqual(await list({ state: 'GRANT_STATE_ACTIVE' }), [bobs.grant_id]);
      assert.ok(!(await list({ state: 'GRANT_STATE_REVOKED' })).includes(bobs.grant_id));
    });

    it('are found by subject', async () => {
      const grant = await signIn({ client: 'es256' }, { login: 'dora' });
      const selector = { subject_grant: { client: 'es256', subject: 'dora' } };
      const found = await world.rpc.GetAccessToken(selector);
      const direct = await world.rpc.GetAccessToken({ grant_id: grant.grant_id });
      assert.equal(found.access_token, direct.access_token);
      const other = { subject_grant: { client: 'es256', subject: 'nobody' } };
      await fails(world.rpc.GetAccessToken(other), UNKNOWN);
    });

    it('end at the provider and here', async () => {
      const grant = await signIn();
      const { access_token: token } = await world.rpc.GetAccessToken({ grant_id: grant.grant_id });
      assert.equal((await world.callApi(token)).status, 200);
      const answer = await world.rpc.RevokeGrant({ grant_id: grant.grant_id });
      assert.equal(answer.revoked_at_provider, true);
      assert.equal((await world.callApi(token)).status, 401);
      await fails(world.rpc.GetAccessToken({ grant_id: grant.grant_id }), {
        code: 'FAILED_PRECONDITION',
        reason: 'REAUTHORIZATION_REQUIRED',
      });
    });

    it('can be revoked twice', async () => {
      const grant = await signIn();
      await world.rpc.RevokeGrant({ grant_id: grant.grant_id });
      await world.rpc.RevokeGrant({ grant_id: grant.grant_id });
    });

    it('know what the provider says about their user', async () => {
      const grant = await signIn({ scopes: ['openid', 'profile', 'email', 'offline_access'] });
      const claims = plain((await world.rpc.GetUserInfo({ grant_id: grant.grant_id })).claims);
      assert.equal(claims.sub, 'alice');
      assert.equal(claims.email, 'alice@example.org');
      assert.deepEqual(claims['https://claims.example.org/tenant'].regions, ['eu', 'us']);
    });
  });
}
