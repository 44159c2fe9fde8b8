// Signing out at a provider that nobody here wrote.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Browser, signOut } from '../providers/sign_in.mjs';
import { RELOGIN, fails } from './harness/expect.mjs';
import { GOODBYE, RealWorld } from './harness/real_world.mjs';

let world;
before(async () => { world = await RealWorld.start(); });
after(() => world?.stop());

describe('signing out at oidc-provider', () => {
  it('goes by its page and back, and its logout token ends the grant of that session alone', async () => {
    const browser = new Browser();
    const { grant } = await world.signIn({ client: 'logout' }, { browser });
    const elsewhere = await world.signIn({ client: 'logout' });
    const { logout_url: url } = await world.rpc.CreateLogoutUrl({
      grant_id: grant.grant_id,
      post_logout_redirect_uri: GOODBYE,
      state: 'bye',
    });
    assert.equal(await signOut(url, { browser, goodbye: GOODBYE }), `${GOODBYE}?state=bye`);

    assert.equal(world.logoutTokens.length, 1);
    const request = { client: 'logout', logout_token: world.logoutTokens[0] };
    assert.equal((await world.rpc.SubmitLogoutToken(request)).ended_grants, 1);
    assert.equal((await world.rpc.SubmitLogoutToken(request)).ended_grants, 0);
    const call = world.rpc.GetAccessToken({ grant_id: grant.grant_id });
    await fails(call, { ...RELOGIN, facts: { because: 'logout' } });
    await world.rpc.GetAccessToken({ grant_id: elsewhere.grant.grant_id });
  });

  it('works without the ID token, once the grant is revoked', async () => {
    const browser = new Browser();
    const { grant } = await world.signIn({}, { browser });
    await world.rpc.RevokeGrant({ grant_id: grant.grant_id });
    const { logout_url: url } = await world.rpc.CreateLogoutUrl({
      grant_id: grant.grant_id,
      post_logout_redirect_uri: GOODBYE,
    });
    assert.equal(await signOut(url, { browser, goodbye: GOODBYE }), GOODBYE);
  });
});
