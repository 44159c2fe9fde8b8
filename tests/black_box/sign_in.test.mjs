// Every response type against a provider that nobody here wrote, on both stores.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { redisStore } from './harness/broker.mjs';
import { RESPONSE_TYPES } from './harness/hostile_world.mjs';
import { DENIED, fails } from './harness/expect.mjs';
import { RealWorld } from './harness/real_world.mjs';
import { Redis } from './harness/redis.mjs';
import { plain, seconds } from './harness/rpc.mjs';

const MODES = RESPONSE_TYPES.flatMap((type) => [
  [type, 'form_post'],
  [type, 'fragment'],
  ...(type === 'code' ? [[type, 'query']] : []),
]);

for (const store of ['memory', 'redis']) {
  describe(`signing in at oidc-provider, grants in ${store}`, () => {
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

    for (const [responseType, mode] of MODES) {
      it(`ends in a grant for ${responseType} by ${mode}`, async () => {
        const answer = await world.signIn({ response_type: responseType, response_mode: mode });
        const { grant } = answer;
        assert.equal(grant.client, 'basic');
        assert.equal(grant.issuer, world.issuer);
        assert.equal(grant.subject, 'alice');
        assert.deepEqual(grant.scopes, ['hello:read', 'offline_access', 'openid', 'profile']);
        assert.equal(grant.state, 'GRANT_STATE_ACTIVE');
        assert.equal(grant.refreshable, true);
        assert.match(grant.grant_id, /^[\w-]{22,}$/);
        assert.equal(answer.front_channel_access_token, '');

        const claims = plain(answer.id_token_claims);
        assert.equal(claims.sub, 'alice');
        assert.deepEqual(claims.groups, ['staff', 'überprüfer']);
        assert.deepEqual(claims['https://claims.example.org/tenant'], { id: 7, plan: 'gold', regions: ['eu', 'us'] });

        const token = await world.rpc.GetAccessToken({ grant_id: grant.grant_id });
        assert.equal(token.token_type, 'Bearer');
        assert.ok(Math.abs(seconds(token.expires_at) - Date.now() / 1000 - 3600) < 30);
        const { status, body } = await world.callApi(token.access_token);
        assert.deepEqual([status, body.hello], [200, 'alice']);
      });
    }

    for (const client of ['post', 'public', 'ps256', 'es256', 'eddsa']) {
      it(`works for the client "${client}"`, async () => {
        const { grant } = await world.signIn({ client, response_type: 'code id_token token' });
        const token = await world.rpc.GetAccessToken({ grant_id: grant.grant_id });
        assert.equal((await world.callApi(token.access_token)).status, 200);
      });
    }

    it('hands out the front-channel token where the client says so, and keeps another', async () => {
      const answer = await world.signIn({ client: 'post', response_type: 'code id_token token' });
      const token = await world.rpc.GetAccessToken({ grant_id: answer.grant.grant_id });
      assert.notEqual(answer.front_channel_access_token, '');
      assert.notEqual(answer.front_channel_access_token, token.access_token);
    });

    it('hands the caller its context back', async () => {
      const context = Buffer.from([0, 255, 1, 2, 3]);
      const answer = await world.signIn({ caller_context: context });
      assert.deepEqual(Buffer.from(answer.caller_context), context);
    });

    it('checks auth_time where max_age was asked for', async () => {
      const { grant } = await world.signIn({ max_age: { seconds: 600 } });
      assert.equal(grant.state, 'GRANT_STATE_ACTIVE');
    });

    it('gets a token for an audience', async () => {
      const { grant } = await world.signIn({ audience: 'https://api.example.org/a' });
      assert.equal(grant.audience, 'https://api.example.org/a');
      const { access_token: token } = await world.rpc.GetAccessToken({ grant_id: grant.grant_id });
      const { body } = await world.callApi(token);
      assert.equal(body.aud, 'https://api.example.org/a');
    });

    it('says so when the user goes back', async () => {
      const call = world.signIn({}, { deny: true });
      await fails(call, DENIED({ error: 'access_denied' }));
    });

    it('says so when no user may be asked', async () => {
      const call = world.signIn({ prompt: 'none' });
      await fails(call, DENIED({ error: 'login_required' }));
    });

    it('answers the very same callback alike, with no second code sent', async () => {
      const begun = await world.begin();
      const callback = await world.authorize(begun.authorization_url);
      const request = { ...callback, browser_binding: begun.browser_binding };
      const first = await world.rpc.SubmitCallback(request);
      const second = await world.rpc.SubmitCallback(request);
      assert.deepEqual(second.grant, first.grant);
      assert.deepEqual(second.id_token_claims, first.id_token_claims);
      const token = await world.rpc.GetAccessToken({ grant_id: first.grant.grant_id });
      assert.equal((await world.callApi(token.access_token)).status, 200);
    });
  });
}
