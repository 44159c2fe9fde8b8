// Authorization responses as signed JWTs (JARM).
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ARG, DENIED, STATE_UNKNOWN, UP, fails } from './harness/expect.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { publicJwk, signingKey } from '../providers/hostile/keys.mjs';

const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'];

describe('authorization responses as JWTs', () => {
  let world;
  before(async () => { world = await HostileWorld.start({ size: 60 }); });
  after(() => world?.stop());

  // Begins a sign-in whose response comes as a JWT that is changed by `tweak`.
  async function begun(tweak = {}, { type = 'code', mode = 'form_post.jwt', settings } = {}) {
    const signIn = world.newCase(settings);
    signIn.op.next('authorize', tweak);
    await signIn.begin(type, { response_mode: mode });
    return signIn;
  }

  async function refused(tweak, expected, options) {
    const signIn = await begun(tweak, options);
    await fails(signIn.submit(signIn.authorize()), expected);
    assert.equal(signIn.count('token'), 0, 'token requests');
    assert.deepEqual(await signIn.grants(), []);
    return signIn;
  }

  for (const [type, mode] of [
    ['code', 'form_post.jwt'],
    ['code', 'query.jwt'],
    ['code', 'fragment.jwt'],
    ['code', 'jwt'],
    ['code id_token', 'form_post.jwt'],
    ['code id_token', 'fragment.jwt'],
    ['code id_token', 'jwt'],
    ['code token', 'form_post.jwt'],
    ['code id_token token', 'form_post.jwt'],
    ['code id_token token', 'fragment.jwt'],
  ]) {
    it(`jarm-happy: ${type} by ${mode}`, async () => {
      const signIn = await begun({}, { type, mode });
      const answer = await signIn.submit(signIn.authorize());
      assert.equal(answer.grant.state, 'GRANT_STATE_ACTIVE');
      assert.equal(signIn.count('token'), 1);
    });
  }

  it('jarm-happy: the same callback gets the same answer', async () => {
    const signIn = await begun();
    const callback = signIn.authorize();
    const [first, second] = [await signIn.submit(callback), await signIn.submit(callback)];
    assert.deepEqual(second.grant, first.grant);
    assert.equal(signIn.count('token'), 1);
  });

  it('jarm-hybrid-by-query: a hybrid type is not to be had as a JWT in a query', async () => {
    const signIn = world.newCase();
    const call = signIn.begin('code id_token', { response_mode: 'query.jwt' });
    await fails(call, ARG('RESPONSE_MODE_NOT_ALLOWED'));
  });

  for (const header of ['none', 'None', '']) {
    it(`jarm-alg-none: "${header}"`, () => refused(
      {
        responseJwt: (plan) => {
          plan.header.alg = header;
          plan.signature = () => Buffer.alloc(0);
        },
      },
      ARG('ALGORITHM_NOT_ALLOWED'),
    ));
  }

  it('jarm-alg-other: an algorithm that is not the registered one', () => refused(
    {}, ARG('ALGORITHM_NOT_ALLOWED'), { settings: { alg: 'ES256' } },
  ));

  it('jarm-alg-hmac: the public key as a shared secret', () => refused(
    {
      responseJwt: (plan) => {
        plan.header.alg = plan.alg = 'HS256';
        plan.key = JSON.stringify(publicJwk(signingKey('RS256')));
      },
    },
    ARG('ALGORITHM_NOT_ALLOWED'),
  ));

  it('jarm-signature-wrong', () => refused(
    { responseJwt: (plan) => { plan.signature = (bytes) => bytes.map((byte) => byte ^ 0x5a); } },
    ARG('SIGNATURE_INVALID'),
  ));

  it('jarm-signature-foreign: a key that the provider does not publish', () => refused(
    { responseJwt: (plan) => { plan.key = signingKey('RS256', 'stranger'); } },
    ARG('SIGNATURE_INVALID'),
  ));

  const append = (name) => ({ responseJwt: (plan) => { plan.claims[name] += '1'; } });
  const without = (name) => ({ responseJwt: (plan) => { delete plan.claims[name]; } });
  const set = (name, value) => ({ responseJwt: (plan) => { plan.claims[name] = value; } });
  const seconds = () => Math.floor(Date.now() / 1000);

  it('jarm-iss-wrong', () => refused(append('iss'), ARG('ISSUER_MISMATCH')));
  it('jarm-iss-missing', () => refused(without('iss'), ARG('CLAIM_MISSING')));
  it('jarm-aud-missing', () => refused(without('aud'), ARG('CLAIM_MISSING')));
  it('jarm-aud-wrong', () => refused(append('aud'), ARG('AUDIENCE_MISMATCH')));
  it('jarm-aud-wrong: a stranger beside us', () => refused(set('aud', ['broker', 'other']), ARG('AUDIENCE_MISMATCH')));
  it('jarm-exp-expired', () => refused(set('exp', seconds() - 360), ARG('TOKEN_EXPIRED')));
  it('jarm-exp-missing', () => refused(without('exp'), ARG('CLAIM_MISSING')));
  it('jarm-code-stripped', () => refused(without('code'), ARG('RESPONSE_PARAMETERS_MISMATCH')));
  it('jarm-state-missing', () => refused(without('state'), STATE_UNKNOWN));
  it('jarm-state-unknown', () => refused(append('state'), STATE_UNKNOWN));
  it('jarm-duplicate-claim', () => refused(
    {
      responseJwt: (plan) => {
        plan.payloadText = `{"code":"evil",${JSON.stringify(plan.claims).slice(1)}`;
      },
    },
    ARG('JWT_MALFORMED'),
  ));

  it('jarm-id-token-as-response: an ID token is no response', () => refused(
    {
      around: (_list, params) => [['response', params.find(([name]) => name === 'id_token')[1]]],
    },
    STATE_UNKNOWN,
    { type: 'code id_token' },
  ));

  it('jarm-encrypted: five parts where none were agreed on', () => refused(
    { around: () => [['response', 'e30.AA.AA.AA.AA']] }, ARG('JWT_MALFORMED'),
  ));

  it('jarm-downgrade: plain parameters arrive', () => refused(
    { around: (_list, params) => params }, ARG('RESPONSE_MODE_MISMATCH'),
  ));

  it('jarm-downgrade: a plain error arrives', () => refused(
    { around: (_list, params) => [['error', 'access_denied'], params.find(([name]) => name === 'state')] },
    ARG('RESPONSE_MODE_MISMATCH'),
  ));

  for (const [name, value] of [['code', 'evil'], ['state', 'x'], ['iss', 'https://evil'], ['error', 'access_denied']]) {
    it(`jarm-downgrade: a plain ${name} beside the response`, async () => {
      const signIn = await refused(
        { around: (list) => [...list, [name, value]] }, ARG('RESPONSE_PARAMETERS_MISMATCH'),
      );
      // Nothing was used up: whoever adds a parameter cannot burn the sign-in.
      signIn.op.tweaks.clear();
      const again = signIn.authorize();
      assert.ok((await signIn.submit(again)).grant.grant_id);
    });
  }

  it('jarm-unasked: a JWT where plain parameters were asked for', async () => {
    const signIn = world.newCase();
    await signIn.begin('code', { response_mode: 'form_post' });
    const callback = signIn.authorize(signIn.begun.authorization_url.replace('=form_post', '=form_post.jwt'));
    await fails(signIn.submit(callback), ARG('RESPONSE_MODE_MISMATCH'));
    assert.equal(signIn.count('token'), 0);
  });

  const denial = (list) => [...list.filter(([name]) => name === 'state'), ['error', 'access_denied']];

  it('jarm-error-verified: a signed no is the provider\'s', () => refused(
    { params: denial }, DENIED({ error: 'access_denied' }),
  ));

  it('jarm-error-unverified', () => refused(
    {
      params: denial,
      responseJwt: (plan) => { plan.signature = (bytes) => bytes.map((byte) => byte ^ 0x5a); },
    },
    ARG('SIGNATURE_INVALID'),
  ));

  it('jarm-keys-away: the provider does not give its keys', async () => {
    const signIn = await begun();
    signIn.op.always('jwks', { instead: { status: 503 } });
    await fails(signIn.submit(signIn.authorize()), UP);
    assert.equal(signIn.count('token'), 0);
  });
});

describe('authorization responses as JWTs, by their algorithm', () => {
  for (const alg of ALGORITHMS) {
    it(`jarm-happy: signed with ${alg}`, async () => {
      const world = await HostileWorld.start({ size: 1, client: { authorization_signed_response_alg: alg } });
      try {
        const signIn = world.newCase({ alg });
        const { grant } = await signIn.run('code id_token', { response_mode: 'form_post.jwt' });
        assert.equal(grant.state, 'GRANT_STATE_ACTIVE');
      } finally {
        await world.stop();
      }
    });
  }
});
