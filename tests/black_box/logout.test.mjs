// Back-channel logout tokens, and the URL of RP-initiated logout.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { publicJwk, signingKey } from '../providers/hostile/keys.mjs';
import { eventually } from './harness/child.mjs';
import { ARG, RELOGIN, fails } from './harness/expect.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';

const GOODBYE = 'https://app.example.org/bye';
const EVENT = 'http://schemas.openid.net/event/backchannel-logout';

let world;
before(async () => {
  world = await HostileWorld.start({
    size: 80,
    provider: { id_token_signing_algorithms: ['RS256'] },
    client: { post_logout_redirect_uris: [GOODBYE] },
  });
});
after(() => world?.stop());

// Another sign-in at the case's provider; returns the grant's id.
async function signIn(at, { sid, subject = 'user-1' } = {}) {
  Object.assign(at.op, { subject, claims: { ...(sid && { sid }) } });
  await at.run('code id_token');
  return at.grantId;
}

const submit = (at, token, client = at.client) =>
  at.rpc.SubmitLogoutToken({ client, logout_token: token }).then((answer) => answer.ended_grants);
const serves = (at, grantId) => at.rpc.GetAccessToken({ grant_id: grantId });
const isOver = (at, grantId) => fails(serves(at, grantId), { ...RELOGIN, facts: { because: 'logout' } });

describe('back-channel logout', () => {
  it('bcl-happy-sid: that session only, and its tokens are revoked at the provider (R25)', async () => {
    const at = world.newCase();
    const [first, second] = [await signIn(at, { sid: 's-1' }), await signIn(at, { sid: 's-2' })];
    assert.equal(await submit(at, at.op.logoutToken({ sub: 'user-1', sid: 's-1' })), 1);
    await isOver(at, first);
    await serves(at, second);
    await eventually(() => at.count('revocation') === 2, 'the provider hears of it');
    const { grant } = await at.rpc.GetGrant({ grant_id: first });
    assert.equal(grant.state, 'GRANT_STATE_REVOKED');
  });

  it('bcl-sub-only: every session, also after an older one was closed', async () => {
    const at = world.newCase();
    const older = await signIn(at, { sid: 's-1' });
    const mine = [await signIn(at, { sid: 's-2' }), await signIn(at)];
    const another = await signIn(at, { sid: 's-2', subject: 'user-2' });
    await at.rpc.RevokeGrant({ grant_id: older });
    assert.equal(await submit(at, at.op.logoutToken({ sub: 'user-1' })), 2);
    for (const grantId of mine) await isOver(at, grantId);
    await serves(at, another);
  });

  it('bcl-unknown-session: signed out already', async () => {
    const at = world.newCase();
    const grantId = await signIn(at, { sid: 's-1' });
    assert.equal(await submit(at, at.op.logoutToken({ sid: 's-9' })), 0);
    await serves(at, grantId);
  });

  it('bcl-sid-of-other-issuer: no effect', async () => {
    const [at, other] = [world.newCase(), world.newCase()];
    const [mine, theirs] = [await signIn(at, { sid: 's-1' }), await signIn(other, { sid: 's-1' })];
    assert.equal(await submit(at, at.op.logoutToken({ sub: 'user-1', sid: 's-1' })), 1);
    await isOver(at, mine);
    await serves(other, theirs);
    // Nor does a token of the one signed with the keys of the other.
    const call = submit(other, at.op.logoutToken({ sid: 's-1' }, (plan) => { plan.header.kid = other.op.kid; }));
    await fails(call, ARG('ISSUER_MISMATCH'));
    await serves(other, theirs);
  });

  it('bcl-jti-replay: a token counts once', async () => {
    const at = world.newCase();
    await signIn(at, { sid: 's-1' });
    const token = at.op.logoutToken({ sub: 'user-1' });
    assert.equal(await submit(at, token), 1);
    const later = await signIn(at, { sid: 's-2' });
    assert.equal(await submit(at, token), 0);
    await serves(at, later);
  });

  it('bcl-twice-at-once: one of the two ends it', async () => {
    const at = world.newCase();
    const grantId = await signIn(at, { sid: 's-1' });
    const token = at.op.logoutToken({ sid: 's-1' });
    const counts = await Promise.all([submit(at, token), submit(at, token), submit(at, token)]);
    assert.equal(counts.reduce((sum, count) => sum + count, 0), 1);
    await isOver(at, grantId);
  });

  it('bcl-during-refresh: what the refresh brings is discarded and revoked', async () => {
    const at = world.newCase();
    const grantId = await signIn(at, { sid: 's-1' });
    const { access_token: rejected } = await serves(at, grantId);
    at.op.next('token', { response: (answer) => ({ ...answer, delayMs: 1000 }) });
    const refresh = at.token({ rejected_access_token: rejected }).then(() => 'served', (error) => error.reason);
    await eventually(() => at.count('token') === 2, 'the refresh is under way');
    assert.equal(await submit(at, at.op.logoutToken({ sid: 's-1' })), 1);
    assert.notEqual(await refresh, 'served');
    await isOver(at, grantId);
    await eventually(() => at.count('revocation') > 0, 'what it brought is revoked');
  });

  it('bcl-client-unknown', async () => {
    const at = world.newCase();
    await fails(submit(at, at.op.logoutToken({ sub: 'user-1' }), 'nobody'), { code: 'NOT_FOUND', reason: 'CLIENT_UNKNOWN' });
  });

  const header = (members) => (plan) => Object.assign(plan.header, members);
  const claims = (members) => (plan) => Object.assign(plan.claims, members);
  const ago = (seconds) => Math.floor(Date.now() / 1000) - seconds;
  const es256 = (plan) => Object.assign(plan, { alg: 'ES256', key: signingKey('ES256'), header: { ...plan.header, alg: 'ES256' } });

  const REFUSED = [
    ['bcl-wrong-alg/ES256', 'ALGORITHM_NOT_ALLOWED', es256],
    ['bcl-wrong-alg/none', 'ALGORITHM_NOT_ALLOWED', (plan) => { plan.header.alg = 'none'; plan.signature = () => Buffer.alloc(0); }],
    ['bcl-wrong-alg/HS256-public-key', 'ALGORITHM_NOT_ALLOWED', (plan) => Object.assign(plan, { alg: 'HS256', key: 'x'.repeat(64), header: { ...plan.header, alg: 'HS256' } })],
    ['bcl-bad-signature/stranger', 'SIGNATURE_INVALID', (plan) => { plan.key = signingKey('RS256', 'stranger'); }],
    ['bcl-no-event', 'CLAIM_MISSING', claims({ events: undefined })],
    ['bcl-wrong-event/another', 'CLAIM_MALFORMED', claims({ events: { 'http://schemas.openid.net/event/foobar': {} } })],
    ['bcl-wrong-event/value-not-an-object', 'CLAIM_MALFORMED', claims({ events: { [EVENT]: true } })],
    ['bcl-wrong-event/array', 'CLAIM_MALFORMED', claims({ events: [EVENT] })],
    ['bcl-with-nonce', 'CLAIM_MALFORMED', claims({ nonce: 'n' })],
    ['bcl-wrong-aud', 'AUDIENCE_MISMATCH', (plan) => { plan.claims.aud += '1'; }],
    ['bcl-wrong-aud/among-others', 'AUDIENCE_MISMATCH', (plan) => { plan.claims.aud = [plan.claims.aud, 'other']; }],
    ['bcl-wrong-iss', 'ISSUER_MISMATCH', (plan) => { plan.claims.iss += '1'; }],
    ['bcl-missing-iat-jti/iat', 'CLAIM_MISSING', claims({ iat: undefined })],
    ['bcl-missing-iat-jti/jti', 'CLAIM_MISSING', claims({ jti: undefined })],
    ['bcl-missing-iat-jti/exp-past', 'TOKEN_EXPIRED', claims({ exp: ago(120) })],
    ['bcl-missing-iat-jti/iat-in-the-future', 'ISSUED_IN_FUTURE', claims({ iat: ago(-3600), exp: ago(-7200) })],
    ['bcl-missing-iat-jti/iat-a-day-old', 'ISSUED_TOO_LONG_AGO', claims({ iat: ago(86400 + 120) })],
    ['bcl-exp-missing', 'CLAIM_MISSING', claims({ exp: undefined })],
    ['bcl-no-sub-no-sid', 'CLAIM_MISSING', claims({ sub: undefined, sid: undefined })],
    ['bcl-typ/at+jwt', 'JWT_TYPE_MISMATCH', header({ typ: 'at+jwt' })],
    ['bcl-typ/secevent+jwt', 'JWT_TYPE_MISMATCH', header({ typ: 'secevent+jwt' })],
    ['bcl-crit', 'CRITICAL_HEADER_UNKNOWN', header({ crit: ['x'], x: 1 })],
  ];
  for (const [id, reason, spoil] of REFUSED) {
    it(`${id} is refused, and the grant stays`, async () => {
      const at = world.newCase();
      at.op.jwks.push(publicJwk(signingKey('ES256'), { kid: at.op.kid, alg: 'ES256' }));
      const grantId = await signIn(at, { sid: 's-1' });
      const spoilt = (plan) => { spoil(plan); plan.claims = JSON.parse(JSON.stringify(plan.claims)); };
      await fails(submit(at, at.op.logoutToken({ sub: 'user-1', sid: 's-1' }, spoilt)), ARG(reason));
      await serves(at, grantId);
    });
  }

  for (const typ of ['logout+jwt', 'application/logout+jwt', 'Logout+JWT', 'JWT', undefined]) {
    it(`bcl-typ/${typ ?? 'absent'} is taken`, async () => {
      const at = world.newCase();
      await signIn(at, { sid: 's-1' });
      assert.equal(await submit(at, at.op.logoutToken({ sid: 's-1' }, header({ typ }))), 1);
    });
  }

  it('bcl-id-token-as-logout-token', async () => {
    const at = world.newCase();
    let idToken;
    at.op.next('token', { json: (body) => { idToken = body.id_token; return body; } });
    const grantId = await signIn(at, { sid: 's-1' });
    await fails(submit(at, idToken), ARG(['CLAIM_MISSING', 'CLAIM_MALFORMED']));
    await serves(at, grantId);
  });

  it('bcl-duplicate-param: what is no single token', async () => {
    const at = world.newCase();
    const grantId = await signIn(at, { sid: 's-1' });
    const token = at.op.logoutToken({ sid: 's-1' });
    for (const text of [`${token}&logout_token=${token}`, `logout_token=${token}`, `${token},${token}`, `${token}\n`, ` ${token}`]) {
      await fails(submit(at, text), ARG('JWT_MALFORMED'));
    }
    await fails(submit(at, ''), ARG('INVALID_REQUEST'));
    await serves(at, grantId);
  });

  it('bcl-flood: forged key ids cost the provider next to nothing', async () => {
    const at = world.newCase();
    const grantId = await signIn(at, { sid: 's-1' });
    const [before, began] = [at.count('jwks'), Date.now()];
    const signature = randomBytes(256); // nobody gets as far as looking at it
    for (let round = 0; round < 100; ++round) {
      await Promise.all(Array.from({ length: 100 }, async () => {
        const forged = at.op.logoutToken({ sid: 's-1' }, (plan) => {
          plan.header.kid = randomBytes(8).toString('hex');
          plan.sign = () => signature;
        });
        await fails(submit(at, forged), ARG('KEY_NOT_FOUND'));
      }));
    }
    // Three at once and one more a second.
    const allowed = 4 + Math.ceil((Date.now() - began) / 1000);
    assert.ok(at.count('jwks') - before <= allowed, `${at.count('jwks') - before} requests for keys`);
    await serves(at, grantId);
    assert.equal(await submit(at, at.op.logoutToken({ sid: 's-1' })), 1);
  });
});

describe('RP-initiated logout', () => {
  const url = async (at, request = {}) => {
    const answer = await at.rpc.CreateLogoutUrl({ grant_id: at.grantId, ...request });
    return new URL(answer.logout_url);
  };

  it('rpl-happy: the endpoint with id_token_hint, post_logout_redirect_uri and state', async () => {
    const at = world.newCase();
    let idToken;
    at.op.next('token', { json: (body) => { idToken = body.id_token; return body; } });
    const grantId = await signIn(at, { sid: 's-1' });
    const made = await url(at, { post_logout_redirect_uri: GOODBYE, state: 'st&te' });
    assert.equal(made.origin + made.pathname, `${at.op.issuer}/end_session`);
    assert.deepEqual(Object.fromEntries(made.searchParams), {
      id_token_hint: idToken,
      client_id: at.op.clientId,
      post_logout_redirect_uri: GOODBYE,
      state: 'st&te',
    });
    await serves(at, grantId);
  });

  for (const [id, state] of [['rpl-other-state', 'another'], ['rpl-no-state', undefined]]) {
    it(`${id}: the grant is over whatever comes back`, async () => {
      const at = world.newCase();
      const grantId = await signIn(at, { sid: 's-1' });
      await url(at, { post_logout_redirect_uri: GOODBYE, state: 'state-of-the-app' });
      await at.rpc.RevokeGrant({ grant_id: grantId });
      await fails(serves(at, grantId), RELOGIN);
      // The browser comes back to the application; the broker has no part in it and no state for it.
      const query = state ? `?state=${state}` : '';
      const call = at.rpc.SubmitCallback({ redirect_url: `${GOODBYE}${query}`, browser_binding: 'none' });
      await call.then(() => assert.fail('accepted'), () => {});
      assert.equal((await at.rpc.GetGrant({ grant_id: grantId })).grant.state, 'GRANT_STATE_REVOKED');
      // A user who lost the first URL gets another; without the ID token the provider asks.
      assert.deepEqual([...(await url(at)).searchParams.keys()], ['client_id']);
    });
  }

  it('rpl-not-registered', async () => {
    const at = world.newCase();
    await signIn(at);
    for (const uri of ['https://evil.example.org/', `${GOODBYE}/`, `${GOODBYE}?x=1`, GOODBYE.toUpperCase()]) {
      await fails(url(at, { post_logout_redirect_uri: uri }), ARG('REDIRECT_URI_NOT_REGISTERED'));
    }
    await fails(url(at, { state: 'alone' }), ARG('INVALID_REQUEST'));
  });

  it('rpl-no-endpoint', async () => {
    const at = world.newCase();
    at.op.always('discovery', { json: ({ end_session_endpoint: _, ...rest }) => rest });
    await signIn(at);
    await fails(url(at), { code: 'FAILED_PRECONDITION', reason: 'OPERATION_NOT_SUPPORTED' });
  });

  it('rpl-endpoint-query: what the endpoint has of its own stays, our names are ours', async () => {
    const at = world.newCase();
    const endpoint = `${at.op.issuer}/end_session?tenant=a&client_id=evil`;
    at.op.always('discovery', { json: (body) => ({ ...body, end_session_endpoint: endpoint }) });
    await signIn(at);
    const made = await url(at);
    assert.equal(made.searchParams.get('tenant'), 'a');
    assert.deepEqual(made.searchParams.getAll('client_id'), [at.op.clientId]);
  });

  it('rpl-refreshed: the hint is the newest ID token', async () => {
    const at = world.newCase();
    const grantId = await signIn(at, { sid: 's-1' });
    let idToken;
    at.op.next('token', { json: (body) => { idToken = body.id_token; return body; } });
    const { access_token: rejected } = await serves(at, grantId);
    await at.token({ rejected_access_token: rejected });
    assert.equal((await url(at)).searchParams.get('id_token_hint'), idToken);
  });

  it('fcl-iss-sid: what a front channel says of sessions ends no grant', async () => {
    const at = world.newCase();
    const grantId = await signIn(at, { sid: 's-1' });
    const words = [`iss=${encodeURIComponent(at.op.issuer)}&sid=s-1`, 'sid=s-1', 'iss=https%3A%2F%2Fevil.example.org&sid=s-1'];
    for (const query of words) {
      await fails(submit(at, query), ARG('JWT_MALFORMED'));
      const call = at.rpc.SubmitCallback({ redirect_url: `${GOODBYE}?${query}`, browser_binding: 'none' });
      await call.then(() => assert.fail('accepted'), (error) => assert.equal(error.reason, 'STATE_UNKNOWN'));
    }
    await serves(at, grantId);
  });
});
