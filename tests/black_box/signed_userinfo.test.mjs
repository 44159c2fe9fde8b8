// Userinfo as a signed JWT, and claims that others vouch for.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { render } from '../providers/hostile/jwt.mjs';
import { publicJwk, signingKey } from '../providers/hostile/keys.mjs';
import { PROTO, fails } from './harness/expect.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { plain } from './harness/rpc.mjs';

const JWT = { 'content-type': 'application/jwt' };

// The answer as a JWT; `change(plan)` may spoil it, see jwt.mjs.
const signed = (op, change = () => {}, headers = JWT) => ({
  response: (answer) => {
    const claims = { iss: op.issuer, aud: op.clientId, ...JSON.parse(answer.body) };
    const plan = { alg: op.alg, key: signingKey(op.alg), header: { alg: op.alg, kid: op.kid }, claims };
    change(plan);
    return { ...answer, headers, body: render(plan) };
  },
});

async function signedIn(world, settings) {
  const signIn = world.newCase(settings);
  await signIn.run('code');
  return signIn;
}
const ask = (signIn) => signIn.rpc.GetUserInfo({ grant_id: signIn.grantId });

describe('signed userinfo', () => {
  let world;
  before(async () => {
    world = await HostileWorld.start({ size: 40, client: { userinfo_signed_response_alg: 'RS256' } });
  });
  after(() => world?.stop());

  const claim = (name, value) => (plan) => { plan.claims[name] = value; };
  const without = (name) => (plan) => { delete plan.claims[name]; };
  const by = (alg, key) => (plan) => Object.assign(plan, { alg, key, header: { ...plan.header, alg } });
  const now = () => Math.floor(Date.now() / 1000);

  for (const [id, change] of [
    ['ui-signed', () => {}],
    ['ui-signed/typ', (plan) => { plan.header.typ = 'JWT'; }],
    ['ui-signed/aud-array', (plan) => { plan.claims.aud = [plan.claims.aud, 'another']; }],
    ['ui-signed/charset', () => {}, { 'content-type': 'application/jwt; charset=utf-8' }],
    ['ui-signed/times', (plan) => Object.assign(plan.claims, { iat: now(), exp: now() + 60 })],
  ]) {
    it(id, async () => {
      const signIn = await signedIn(world, { userinfo: { email: 'ada@example.org' } });
      signIn.op.next('userinfo', signed(signIn.op, change));
      const claims = plain((await ask(signIn)).claims);
      assert.deepEqual([claims.sub, claims.email], ['user-1', 'ada@example.org']);
      assert.match(signIn.op.requests('userinfo')[0].headers.accept, /application\/jwt/);
    });
  }

  for (const [id, check, change, headers] of [
    ['ui-signed-bad/iss-missing', 'CLAIM_MISSING', without('iss')],
    ['ui-signed-bad/iss-wrong', 'ISSUER_MISMATCH', claim('iss', 'https://evil.example.org')],
    ['ui-signed-bad/aud-missing', 'CLAIM_MISSING', without('aud')],
    ['ui-signed-bad/aud-wrong', 'AUDIENCE_MISMATCH', claim('aud', 'another')],
    ['ui-signed-bad/sub-missing', 'CLAIM_MISSING', without('sub')],
    ['ui-signed-bad/sub-wrong', 'SUBJECT_MISMATCH', claim('sub', 'victim')],
    ['ui-signed-bad/expired', 'TOKEN_EXPIRED', (plan) => { plan.claims.exp = now() - 120; }],
    ['ui-signed-bad/stranger', 'SIGNATURE_INVALID', (plan) => { plan.key = signingKey('RS256', 'stranger'); }],
    ['ui-signed-bad/none', 'ALGORITHM_NOT_ALLOWED', (plan) => { plan.header.alg = 'none'; plan.signature = () => Buffer.alloc(0); }],
    ['ui-signed-bad/other-alg', 'ALGORITHM_NOT_ALLOWED', (plan) => by('ES256', signingKey('ES256'))(plan)],
    ['ui-signed-bad/HS256', 'ALGORITHM_NOT_ALLOWED', (plan) => by('HS256', 'x'.repeat(64))(plan)],
    ['ui-signed-bad/typ', 'JWT_TYPE_MISMATCH', (plan) => { plan.header.typ = 'at+jwt'; }],
    ['ui-signed-bad/member-twice', 'JWT_MALFORMED', (plan) => { plan.payloadText = `{"sub":"victim",${JSON.stringify(plan.claims).slice(1)}`; }],
    ['ui-format-downgrade/JWT-labelled-JSON', 'CONTENT_TYPE_UNSUPPORTED', () => {}, { 'content-type': 'application/json' }],
    ['ui-format-downgrade/JWT-without-label', 'CONTENT_TYPE_UNSUPPORTED', () => {}, {}],
  ]) {
    it(id, async () => {
      const signIn = await signedIn(world);
      signIn.op.jwks.push(publicJwk(signingKey('ES256'), { kid: signIn.op.kid, alg: 'ES256' }));
      signIn.op.next('userinfo', signed(signIn.op, change, headers));
      await fails(ask(signIn), PROTO(check));
    });
  }

  it('ui-format-downgrade/plain-JSON', async () => {
    const signIn = await signedIn(world);
    await fails(ask(signIn), PROTO('CONTENT_TYPE_UNSUPPORTED'));
  });

  it('ui-format-downgrade/JSON-labelled-JWT', async () => {
    const signIn = await signedIn(world);
    signIn.op.next('userinfo', { response: (answer) => ({ ...answer, headers: JWT }) });
    await fails(ask(signIn), PROTO('JWT_MALFORMED'));
  });

  it('ui-signed-bad/encrypted-unasked: five parts', async () => {
    const signIn = await signedIn(world);
    signIn.op.next('userinfo', signed(signIn.op, (plan) => { plan.compact = (token) => `${token}.x.y`; }));
    await fails(ask(signIn), PROTO('JWT_MALFORMED'));
  });
});

describe('plain userinfo', () => {
  let world;
  before(async () => { world = await HostileWorld.start({ size: 4 }); });
  after(() => world?.stop());

  it('ui-format-downgrade/unasked-JWT: what was not agreed on is refused', async () => {
    const signIn = await signedIn(world);
    signIn.op.next('userinfo', signed(signIn.op));
    await fails(ask(signIn), PROTO('CONTENT_TYPE_UNSUPPORTED'));
  });

  it('ui-aggregated: claims of others are passed on as they came, unfetched and unmerged', async () => {
    const [signIn, other] = [await signedIn(world), world.newCase()];
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"email_verified":true,"sub":"victim"}').toString('base64url')}.`;
    const more = {
      _claim_names: { email_verified: 'src1', address: 'src2' },
      _claim_sources: { src1: { JWT: unsigned }, src2: { endpoint: `${other.op.issuer}/userinfo`, access_token: 'x' } },
    };
    signIn.op.userinfo = more;
    assert.deepEqual(plain((await ask(signIn)).claims), { sub: 'user-1', ...more });
    assert.equal(other.op.log.length, 0);
  });
});
