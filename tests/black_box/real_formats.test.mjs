// Token formats, userinfo and token exchange against a provider that nobody here wrote.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Browser, signOut } from '../providers/sign_in.mjs';
import { DENIED, RELOGIN, fails } from './harness/expect.mjs';
import { GOODBYE, RealWorld } from './harness/real_world.mjs';
import { plain } from './harness/rpc.mjs';

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

let world;
before(async () => { world = await RealWorld.start(); });
after(() => world?.stop());

async function refreshed(grantId) {
  const { access_token: rejected } = await world.rpc.GetAccessToken({ grant_id: grantId });
  const { access_token: next } = await world.rpc.GetAccessToken({ grant_id: grantId, rejected_access_token: rejected });
  assert.notEqual(next, rejected);
}

describe('tokens of oidc-provider', () => {
  for (const client of ['confirmed', 'hs256', 'encrypted-rsa', 'encrypted-ec', 'signed-userinfo']) {
    for (const responseType of ['code', 'code id_token token']) {
      it(`are taken as the client "${client}" gets them (${responseType})`, async () => {
        const { grant, id_token_claims: claims } = await world.signIn({ client, response_type: responseType });
        assert.equal(plain(claims).sub, 'alice');
        await refreshed(grant.grant_id);
        const { claims: userinfo } = await world.rpc.GetUserInfo({ grant_id: grant.grant_id });
        assert.deepEqual([plain(userinfo).sub, plain(userinfo).name], ['alice', 'alice Example']);
      });
    }
  }

  it('come encrypted at logout too, and what was inside is the hint', async () => {
    const browser = new Browser();
    const { grant } = await world.signIn({ client: 'encrypted-rsa' }, { browser });
    const { logout_url: url } = await world.rpc.CreateLogoutUrl({
      grant_id: grant.grant_id,
      post_logout_redirect_uri: GOODBYE,
    });
    assert.equal(new URL(url).searchParams.get('id_token_hint').split('.').length, 3);
    await signOut(url, { browser, goodbye: GOODBYE });
    const token = world.logoutTokens.at(-1);
    assert.equal(token.split('.').length, 5);
    const answer = await world.rpc.SubmitLogoutToken({ client: 'encrypted-rsa', logout_token: token });
    assert.equal(answer.ended_grants, 1);
    await fails(world.rpc.GetAccessToken({ grant_id: grant.grant_id }), RELOGIN);
  });
});

describe('token exchange at oidc-provider', () => {
  it('gives a token that the API takes', async () => {
    const { grant } = await world.signIn({ client: 'exchange' });
    const { access_token: subject } = await world.rpc.GetAccessToken({ grant_id: grant.grant_id });
    const request = { client: 'exchange', subject_token: subject, subject_token_type: ACCESS_TOKEN };
    const answer = await world.rpc.ExchangeToken({ ...request, scopes: ['hello:read'] });
    assert.deepEqual([answer.token_type, answer.issued_token_type], ['Bearer', ACCESS_TOKEN]);
    assert.deepEqual(answer.scopes, ['hello:read']);
    const { status, body } = await world.callApi(answer.access_token);
    assert.deepEqual([status, body.hello], [200, 'alice']);
    const call = world.rpc.ExchangeToken({ ...request, subject_token: 'garbage' });
    await fails(call, DENIED({ error: 'invalid_request' }));
  });
});
