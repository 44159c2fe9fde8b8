// What attackers do to a sign-in: other people's browsers, other people's responses, and floods.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CallbackWorld, drop } from './harness/callback_world.mjs';
import { ARG, BINDING, RELOGIN, STATE_UNKNOWN, fails } from './harness/expect.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { Redis } from './harness/redis.mjs';
import { redisStore } from './harness/broker.mjs';
import { StagedMachine } from './harness/staged_machine.mjs';
import { TwoCallers } from './harness/two_callers.mjs';

describe('attacks on sign-ins', () => {
  const world = new CallbackWorld();
  const { changed, refused } = world;
  const machine = new StagedMachine();
  before(() => world.start({ machine }));
  after(() => world.stop());

  it('cb-cross-user-session-fixation: a sign-in that another browser began is not finished in this one', async () => {
    const attacker = world.hostile.newCase();
    await attacker.begin();
    const victim = attacker.another();
    await victim.begin();
    // The victim opens the attacker's authorization URL; the victim's browser carries the victim's cookie.
    await refused(attacker, BINDING, attacker.authorize(), victim.begun.browser_binding);
    assert.ok((await victim.submit(victim.authorize())).grant.grant_id, 'the own sign-in goes on');
  });

  it('cb-cross-user-session-fixation: the application gets back whom the sign-in was begun for', async () => {
    const signIn = world.hostile.newCase();
    await signIn.begin('code', { caller_context: Buffer.from('user 7') });
    const { caller_context: context } = await signIn.submit(signIn.authorize());
    assert.equal(Buffer.from(context).toString(), 'user 7');
  });

  it('cb-state-expired: a response after the end of its request is refused', async () => {
    const signIn = world.hostile.newCase();
    await signIn.begin();
    const callback = signIn.authorize();
    machine.moveClock(10 * 60 + 1);
    await refused(signIn, STATE_UNKNOWN, callback);
    machine.moveClock(-10 * 60 - 1);
  });

  it('cb-state-expired: a response at the last moment is taken', async () => {
    const signIn = world.hostile.newCase();
    await signIn.begin('code');
    const callback = signIn.authorize();
    const minutes = 9.5 * 60;
    signIn.op.clockAhead = minutes;
    machine.moveClock(minutes);
    assert.ok((await signIn.submit(callback)).grant.grant_id);
    machine.moveClock(-minutes);
  });

  it('cb-mixup-redirect-uri: a code that came to another provider\'s redirect URI goes nowhere', async () => {
    const [evil, honest] = [world.hostile.newCase({ issParameter: false }), world.hostile.newCase({ issParameter: false })];
    await evil.begin('code', { response_mode: 'query' });
    const { searchParams } = new URL(evil.begun.authorization_url);
    const bounced = new URL(`${honest.op.issuer}/authorize?${searchParams}`);
    bounced.searchParams.set('redirect_uri', honest.redirectUri);
    const callback = honest.authorize(bounced.href);
    await refused(evil, ARG('REDIRECT_URI_MISMATCH'), callback);
    assert.equal(honest.count('token'), 0);
  });

  it('cb-idp-confusion-nonce: the nonce of an older request is not this one\'s', async () => {
    const older = world.hostile.newCase();
    await older.begin();
    const newer = older.another();
    await newer.begin();
    const nonceOf = (signIn) => new URL(signIn.begun.authorization_url).searchParams.get('nonce');
    const url = new URL(newer.begun.authorization_url);
    url.searchParams.set('nonce', nonceOf(older));
    await refused(newer, ARG('NONCE_MISMATCH'), newer.authorize(url.href));
  });

  it('cb-nonce-lifted-from-front: a code of the attacker\'s with the same nonce is worth nothing', async () => {
    const victim = world.hostile.newCase();
    await victim.begin('code');
    const url = new URL(victim.begun.authorization_url);
    // The attacker's own authorization at the same provider: the nonce is the victim's, the challenge cannot be.
    url.searchParams.set('code_challenge', 'a'.repeat(43));
    await fails(victim.submit(victim.authorize(url.href)), RELOGIN);
    assert.match(victim.op.requests('token')[0].form.code_verifier, /^[\w.~-]{43,128}$/);
    assert.deepEqual(await victim.grants(), []);
  });

  it('cb-nonce-lifted-from-front: nor is it in a hybrid response', async () => {
    const victim = world.hostile.newCase();
    await victim.begin('code id_token');
    const attackers = new URLSearchParams(victim.another().authorize(victim.begun.authorization_url).form_body);
    const own = new URLSearchParams(victim.authorize().form_body);
    own.set('code', attackers.get('code'));
    await refused(victim, ARG('C_HASH_MISMATCH'), { form_body: own.toString() });
  });

  it('cb-state-charset: states are letters, digits, - and _, and hold nothing', async () => {
    const signIn = world.hostile.newCase();
    const states = [];
    for (let i = 0; i < 20; ++i) states.push((await signIn.begin('code')).state);
    for (const state of states) {
      assert.match(state, /^[A-Za-z0-9_-]{22,}$/);
      const bytes = Buffer.from(state, 'base64url').toString('latin1');
      for (const word of [signIn.client, 'http', 'case-', 'nonce']) assert.ok(!bytes.includes(word));
    }
    assert.equal(new Set(states.map((state) => state.slice(0, 6))).size, states.length, 'no common start');
  });

  const evil = (own) => [
    '//evil.example.org', '/\\evil.example.org', 'https:evil.example.org', `${own}@evil.example.org`,
    own.replace('app.example.org', 'evil\\.app.example.org'), own.replace('app.', 'evil-app.'),
    own.replace('app.example.org', 'app.example.org@evil.example.org'), 'javascript:alert(1)', `${own}/../x`,
    own.replace('https:', 'http:'), own.toUpperCase(), `${own} `, `${own}\n`, `${own}%0d%0ax`, '',
  ];
  it('cb-return-to-open-redirect: no place but a registered one is answered', async () => {
    const signIn = world.hostile.newCase();
    for (const uri of evil(signIn.redirectUri)) {
      const call = signIn.begin('code', { redirect_uri: uri });
      await fails(call, ARG(['REDIRECT_URI_NOT_REGISTERED', 'INVALID_REQUEST']));
    }
    assert.equal(signIn.op.log.length, 0);
  });

  it('cb-iss-missing: a mix-up with iss taken away ends at the ID token', async () => {
    const [evilCase, honest] = [world.hostile.newCase(), world.hostile.newCase()];
    await evilCase.begin('code id_token');
    const url = new URL(evilCase.begun.authorization_url);
    honest.op.next('authorize', { params: drop('iss') });
    const callback = honest.authorize(`${honest.op.issuer}/authorize${url.search}`);
    await refused(evilCase, ARG(['ISSUER_MISMATCH', 'KEY_NOT_FOUND', 'SIGNATURE_INVALID']), callback);
  });

  it('tok-redirect: a code is not carried to where the token endpoint points', async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      const [signIn, other] = [world.hostile.newCase(), world.hostile.newCase()];
      signIn.op.next('token', { instead: { status, headers: { location: `${other.op.issuer}/token` }, body: '' } });
      const error = await signIn.run('code').then(() => assert.fail('accepted'), (e) => e);
      assert.ok(['INTERNAL', 'UNAVAILABLE'].includes(error.code), error.message);
      assert.equal(other.op.log.length, 0);
      assert.equal(signIn.count('token'), 1);
    }
  });

  it('a response that says both what was asked and more is judged by what was asked', async () => {
    const signIn = await changed('code', (list) => [...list, ['session_state', 'x'], ['scope', 'openid admin']]);
    assert.deepEqual((await signIn.submit(signIn.authorize())).grant.scopes, ['offline_access', 'openid', 'read']);
  });
});

describe('sign-ins whose record is lost', () => {
  let redis;
  let world;
  before(async () => {
    redis = await Redis.start();
    world = await HostileWorld.start({ size: 4, config: redisStore(redis.port) });
  });
  after(async () => {
    await world?.stop();
    await redis?.stop();
  });

  it('idt-nonce-store-lost: a request that the store no longer has is unknown', async () => {
    const signIn = world.newCase();
    await signIn.begin();
    const callback = signIn.authorize();
    await redis.command('FLUSHALL');
    await fails(signIn.submit(callback), STATE_UNKNOWN);
    assert.equal(signIn.count('token'), 0);
  });

  it('idt-nonce-store-lost: a request whose record is damaged is refused, not guessed', async () => {
    const signIn = world.newCase();
    await signIn.begin();
    const callback = signIn.authorize();
    for (const key of await redis.keys('tb:authz:*')) {
      for (const field of await redis.fields(key)) await redis.damage(key, field);
    }
    const error = await signIn.submit(callback).then(() => assert.fail('accepted'), (e) => e);
    assert.ok(['STATE_UNKNOWN', 'RECORD_UNREADABLE', 'BROWSER_BINDING_MISMATCH'].includes(error.reason), error.message);
    assert.equal(signIn.count('token'), 0);
  });
});

describe('two callers of one broker', () => {
  let world;
  const machine = new StagedMachine();
  before(async () => { world = await TwoCallers.start({ pendingLimit: 20, machine }); });
  after(() => world?.stop());

  it('cb-pending-flood: one caller\'s unfinished sign-ins end at a limit and harm no other', async () => {
    const [flooder, other] = [world.as('flooder'), world.as('shop')];
    const before_ = await other.begin();
    let limit;
    for (let i = 0; i < 50 && !limit; ++i) limit = await flooder.begin().then(() => undefined, (error) => error);
    assert.deepEqual([limit.code, limit.reason, Boolean(limit.retryInfo)], ['RESOURCE_EXHAUSTED', 'LIMIT_REACHED', true], limit.message);
    assert.ok((await other.finish(before_)).grant.grant_id);
    assert.ok((await other.finish(await other.begin())).grant.grant_id);
    // They end by themselves.
    machine.moveClock(10 * 60 + 1);
    world.op.clockAhead = machine.ahead;
    assert.ok((await flooder.finish(await flooder.begin())).grant.grant_id);
  });

  it('ref-cross-tenant-handle: a grant is nobody\'s but its own caller\'s', async () => {
    const [owner, thief] = [world.as('shop'), world.as('flooder')];
    world.op.subject = 'user-of-the-shop';
    const { grant } = await owner.finish(await owner.begin());
    const UNKNOWN = { code: 'NOT_FOUND', reason: 'GRANT_UNKNOWN' };
    const { grant_id } = grant;
    const { access_token: held } = await owner.rpc.GetAccessToken({ grant_id });
    const sent = world.op.requests('token').length;
    const calls = [
      ['GetAccessToken', { grant_id }], ['GetAccessToken', { grant_id, rejected_access_token: held }],
      ['GetAccessToken', { subject_grant: { client: 'op', subject: grant.subject } }],
      ['GetGrant', { grant_id }], ['GetUserInfo', { grant_id }], ['RevokeGrant', { grant_id }],
    ];
    for (const [method, request] of calls) await fails(thief.rpc[method](request), UNKNOWN);
    assert.deepEqual((await thief.rpc.ListGrants({})).grants.filter((one) => one.grant_id === grant_id), []);
    assert.equal(world.op.requests('token').length, sent);
    assert.equal((await owner.rpc.GetAccessToken({ grant_id })).access_token, held);
  });

  it('cb-binding-mismatch: another caller cannot finish the sign-in, right binding or not', async () => {
    const [owner, thief] = [world.as('shop'), world.as('flooder')];
    const begun = await owner.begin();
    await fails(thief.finish(begun), STATE_UNKNOWN);
    assert.ok((await owner.finish(begun)).grant.grant_id);
  });
});
