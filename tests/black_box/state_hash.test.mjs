// `s_hash`, for clients that must have it (FAPI 1.0 Advanced section 5.2.2.1).
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ARG, fails } from './harness/expect.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';

for (const required of [true, false]) {
  describe(`the hash of the state, ${required ? 'required' : 'as the provider likes'}`, () => {
    let world;
    before(async () => {
      world = await HostileWorld.start({ size: 4, client: { require_state_hash: required } });
    });
    after(() => world?.stop());

    for (const type of ['code id_token', 'code id_token token']) {
      it(`idt-shash-missing: ${required ? 'refused' : 'accepted'} with ${type}`, async () => {
        const signIn = world.newCase();
        signIn.op.next('authorize', { idToken: (plan) => { delete plan.claims.s_hash; } });
        if (!required) return assert.ok((await signIn.run(type)).grant.grant_id);
        await fails(signIn.run(type), ARG('S_HASH_MISMATCH'));
        return assert.equal(signIn.count('token'), 0);
      });

      it(`takes a right one with ${type}`, async () => {
        assert.ok((await world.newCase().run(type)).grant.grant_id);
      });
    }
  });
}
