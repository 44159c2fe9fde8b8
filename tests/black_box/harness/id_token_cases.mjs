// Runs a table of ID token cases through both channels: the ID token that comes through the browser,
// and the one from the token endpoint.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { HostileWorld } from './hostile_world.mjs';
import { RpcFailure } from './rpc.mjs';

const DENIALS = ['ACR_NOT_MET', 'AUTH_TIME_TOO_OLD'];

// A refusal of the front channel names the check as its reason; one of the token endpoint's answer is
// PROVIDER_RESPONSE_INVALID with the check in the metadata. A user who did not authenticate well
// enough is denied either way.
function assertRefused(error, channel, reasons) {
  assert.ok(error instanceof RpcFailure, error.stack);
  const fromProvider = error.reason === 'PROVIDER_RESPONSE_INVALID';
  const check = fromProvider ? error.facts.check : error.reason;
  assert.ok(reasons.includes(check), `expected ${reasons}: ${error.message}`);
  if (DENIALS.includes(error.reason)) return assert.equal(error.code, 'PERMISSION_DENIED');
  assert.equal(fromProvider, channel === 'back', error.message);
  return assert.equal(error.code, channel === 'back' ? 'INTERNAL' : 'INVALID_ARGUMENT', error.message);
}

async function runCase(world, tested, channel) {
  const signIn = world.newCase(tested.settings);
  const { op } = signIn;
  if (tested.jwks) op.jwks = tested.jwks(op.jwks[0]).map((jwk) => JSON.parse(JSON.stringify(jwk)));
  const endpoint = channel === 'front' ? 'authorize' : 'token';
  if (tested.idToken) op.next(endpoint, { idToken: tested.idToken });
  // Where both channels carry an ID token the other one has to say the same.
  const responseType = tested.responseType ?? (channel === 'front' ? 'code id_token' : 'code');
  const accepted = tested.idToken && !tested.reason;
  if (channel === 'front' && accepted) op.next('token', tested.bothTokens ? { idToken: tested.idToken } : sameEnds(tested));

  const call = signIn.run(responseType, tested.request);
  if (!tested.reason) {
    await call;
    assert.equal((await signIn.token()).token_type, 'Bearer');
    return;
  }
  const reasons = [tested.reason].flat();
  await call.then(
    () => assert.fail(`accepted, where ${reasons} was expected`),
    (error) => assertRefused(error, channel, reasons),
  );
  assert.equal(signIn.count('token'), channel === 'front' ? 0 : 1, 'token requests');
  assert.equal(signIn.count('userinfo'), 0, 'userinfo requests');
  assert.deepEqual(await signIn.grants(), [], 'nothing is stored');
}

// Claims that a request asked for have to be in the second ID token as well.
const ASKED_FOR = ['acr', 'org_id', 'auth_time'];
function sameEnds(tested) {
  return {
    idToken: (plan) => {
      const probe = { ...plan, claims: { ...plan.claims }, header: { ...plan.header } };
      try {
        tested.idToken(probe);
      } catch {
        return; // a change to what only the front channel has
      }
      for (const name of ASKED_FOR) if (name in probe.claims) plan.claims[name] = probe.claims[name];
    },
  };
}

// `options` adds to the options of HostileWorld.start.
export function describeIdTokenCases(title, cases, options = {}) {
  describe(title, () => {
    let world;
    before(async () => { world = await HostileWorld.start({ size: cases.length * 2, ...options }); });
    after(() => world?.stop());

    for (const tested of cases) {
      for (const channel of tested.channel ? [tested.channel] : ['front', 'back']) {
        const claim = tested.reason ? 'is refused' : 'is accepted';
        it(`${tested.id} ${claim} (${channel} channel)`, () => runCase(world, tested, channel));
      }
    }
  });
}
