// Fresh tokens from oidc-provider, which rotates refresh tokens and kills the grant when one comes
// twice. Access tokens live for a few seconds here.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { redisStore } from './harness/broker.mjs';
import { eventually } from './harness/child.mjs';
import { RELOGIN, fails } from './harness/expect.mjs';
import { RealWorld } from './harness/real_world.mjs';
import { Redis } from './harness/redis.mjs';
import { seconds } from './harness/rpc.mjs';

const LIFETIME = 3;

for (const store of ['memory', 'redis']) {
  describe(`refreshing at oidc-provider, grants in ${store}`, () => {
    let world;
    let redis;

    before(async () => {
      if (store === 'redis') redis = await Redis.start();
      const config = redis ? redisStore(redis.port) : {};
      world = await RealWorld.start({ lifetime: LIFETIME, config });
    });
    after(async () => {
      await world?.stop();
      await redis?.stop();
    });

    const signIn = async (request) => (await world.signIn(request)).grant;
    const token = (grant, request = {}) =>
      world.rpc.GetAccessToken({ grant_id: grant.grant_id, ...request });

    it('gives the same token while it is good', async () => {
      const grant = await signIn();
      const [first, second] = [await token(grant), await token(grant)];
      assert.equal(second.access_token, first.access_token);
      assert.equal(second.generation, first.generation);
    });

    it('goes on through rotation after rotation', async () => {
      const grant = await signIn();
      let last = await token(grant);
      for (let round = 0; round < 3; ++round) {
        const fresh = await token(grant, { rejected_access_token: last.access_token });
        assert.notEqual(fresh.access_token, last.access_token);
        assert.ok(fresh.generation > last.generation);
        assert.equal((await world.callApi(fresh.access_token)).status, 200);
        last = fresh;
      }
    });

    it('makes a new token when the old one has expired', async () => {
      const grant = await signIn();
      const first = await token(grant);
      const refused = async () => (await world.callApi(first.access_token)).status === 401;
      await eventually(refused, 'the token expires', (LIFETIME + 3) * 1000);
      // The provider counts in whole seconds, so that its end comes up to one before the broker's.
      const second = await token(grant, { min_remaining_lifetime: { seconds: 1 } });
      assert.notEqual(second.access_token, first.access_token);
      assert.ok(seconds(second.expires_at) > Date.now() / 1000);
      assert.equal((await world.callApi(second.access_token)).status, 200);
    });

    it('refreshes a token that does not live long enough, once', async () => {
      const grant = await signIn();
      const first = await token(grant);
      const nearlyOver = () => seconds(first.expires_at) - Date.now() / 1000 < LIFETIME - 1;
      await eventually(nearlyOver, 'a second passes');
      const wish = { min_remaining_lifetime: { seconds: LIFETIME - 1 } };
      const second = await token(grant, wish);
      assert.notEqual(second.access_token, first.access_token);
    });

    it('gives what can be had where more lifetime is asked for than tokens have', async () => {
      const grant = await signIn();
      const { access_token: fresh } = await token(grant, { min_remaining_lifetime: { seconds: 3600 } });
      assert.equal((await world.callApi(fresh)).status, 200);
    });

    it('does not refresh for a rejected token that it no longer holds', async () => {
      const grant = await signIn();
      const first = await token(grant);
      const second = await token(grant, { rejected_access_token: first.access_token });
      const third = await token(grant, { rejected_access_token: first.access_token });
      assert.equal(third.access_token, second.access_token);
    });

    it('refreshes once for fifty callers', async () => {
      const grant = await signIn();
      const { access_token: first } = await token(grant);
      const wish = { rejected_access_token: first };
      const tokens = await Promise.all(Array.from({ length: 50 }, () => token(grant, wish)));
      const distinct = new Set(tokens.map((answer) => answer.access_token));
      assert.equal(distinct.size, 1);
      assert.equal((await world.callApi([...distinct][0])).status, 200);
    });

    it('keeps a reduced set of scopes apart', async () => {
      const grant = await signIn();
      const all = await token(grant);
      const less = await token(grant, { scopes: ['openid', 'hello:read'] });
      assert.deepEqual(less.scopes, ['hello:read', 'openid']);
      assert.notEqual(less.access_token, all.access_token);
      const again = await token(grant, { scopes: ['hello:read', 'openid'] });
      assert.equal(again.access_token, less.access_token);
      const { body } = await world.callApi(less.access_token);
      assert.equal(body.scope.split(' ').sort().join(' '), 'hello:read openid');
      const whole = await token(grant, { rejected_access_token: all.access_token });
      assert.deepEqual(whole.scopes, ['hello:read', 'offline_access', 'openid', 'profile']);
    });

    it('refuses a scope that was not granted', async () => {
      const grant = await signIn();
      const call = token(grant, { scopes: ['hello:write'] });
      await fails(call, { code: 'INVALID_ARGUMENT', reason: 'SCOPE_NOT_ALLOWED' });
    });

    it('keeps tokens for two audiences apart', async () => {
      const [a, b] = ['https://api.example.org/a', 'https://api.example.org/b'];
      const grant = await signIn({ resources: [a, b] });
      for (const audience of [a, b, a]) {
        const { access_token: jwt } = await token(grant, { audience });
        const { status, body } = await world.callApi(jwt);
        assert.deepEqual([status, body.aud], [200, audience]);
      }
    });

    it('asks for a new sign-in when the grant is gone at the provider', async () => {
      const { grant } = await world.signIn({}, { login: 'frank' });
      const first = await token(grant);
      await world.withdrawConsent('frank');
      const call = token(grant, { rejected_access_token: first.access_token });
      await fails(call, RELOGIN);
      await fails(token(grant), RELOGIN);
      const { grant: seen } = await world.rpc.GetGrant({ grant_id: grant.grant_id });
      assert.equal(seen.state, 'GRANT_STATE_REAUTHORIZATION_REQUIRED');
    });

    it('asks for a new sign-in where there never was a refresh token', async () => {
      const grant = await signIn({ scopes: ['openid', 'hello:read'] });
      assert.equal(grant.refreshable, false);
      const first = await token(grant);
      assert.equal((await world.callApi(first.access_token)).status, 200);
      await fails(token(grant, { rejected_access_token: first.access_token }), RELOGIN);
    });
  });
}
