// The broker's own state while callers give up, stores pause, clocks jump and one provider hangs.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import grpc from '@grpc/grpc-js';
import { redisStore } from './harness/broker.mjs';
import { eventually } from './harness/child.mjs';
import { ARG, BINDING, PROTO, RELOGIN, STATE_UNKNOWN, fails } from './harness/expect.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { Redis } from './harness/redis.mjs';
import { StagedMachine } from './harness/staged_machine.mjs';

const later = (delayMs) => ({ response: (answer) => ({ ...answer, delayMs }) });

describe('callers who give up', () => {
  let world;
  before(async () => { world = await HostileWorld.start({ size: 10, client: { refresh: { floor: '0s' } } }); });
  after(() => world?.stop());

  it('st-grpc-deadline: the caller hears in time, the sign-in goes on, and the same callback finds it', async () => {
    const signIn = world.newCase();
    await signIn.begin('code');
    signIn.op.next('token', later(800));
    const request = { ...signIn.authorize(), browser_binding: signIn.begun.browser_binding };
    const began = Date.now();
    const error = await signIn.rpc.SubmitCallback(request, { deadlineMs: 200 }).then(() => assert.fail('in time'), (e) => e);
    assert.equal(error.code, 'DEADLINE_EXCEEDED');
    assert.ok(Date.now() - began < 700);
    const { grant } = await signIn.rpc.SubmitCallback(request);
    assert.deepEqual((await signIn.grants()).map(({ grant_id: id }) => id), [grant.grant_id]);
    assert.equal(signIn.count('token'), 1);
  });

  // Calls and hangs up when the provider has the request.
  async function hangUp(signIn, method, request) {
    const sent = signIn.count('token');
    let call;
    const ended = new Promise((resolve) => {
      const deadline = { deadline: Date.now() + 10000 };
      call = signIn.rpc.stub[method](request, new grpc.Metadata(), deadline, (error) => resolve(error?.code));
    });
    await eventually(() => signIn.count('token') > sent, 'the request leaves');
    call.cancel();
    assert.equal(await ended, grpc.status.CANCELLED);
  }

  it('st-grpc-cancel-exchange: the exchange is finished and its grant is there for the same callback', async () => {
    const signIn = world.newCase();
    await signIn.begin('code');
    signIn.op.next('token', later(300));
    const callback = signIn.authorize();
    await hangUp(signIn, 'SubmitCallback', { ...callback, browser_binding: signIn.begun.browser_binding });
    const { grant } = await signIn.submit(callback);
    assert.deepEqual((await signIn.grants()).map(({ grant_id: id }) => id), [grant.grant_id]);
    assert.deepEqual([signIn.count('token'), signIn.count('revocation')], [1, 0]);
  });

  it('st-grpc-cancel-exchange: tokens of an exchange that fails after that are revoked', async () => {
    const signIn = world.newCase();
    await signIn.begin('code');
    signIn.op.next('token', { ...later(300), idToken: (plan) => { plan.claims.nonce = 'another'; } });
    await hangUp(signIn, 'SubmitCallback', { ...signIn.authorize(), browser_binding: signIn.begun.browser_binding });
    await eventually(() => signIn.count('revocation') === 2, 'both tokens are revoked');
    assert.deepEqual(await signIn.grants(), []);
  });

  it('ref-caller-cancels: hanging up does not stop a refresh', async () => {
    const signIn = world.newCase();
    await signIn.run('code');
    const { access_token: held } = await signIn.token();
    signIn.op.next('token', later(300));
    await hangUp(signIn, 'GetAccessToken', { grant_id: signIn.grantId, rejected_access_token: held });
    await eventually(async () => (await signIn.token()).access_token !== held, 'the token of the refresh');
    assert.equal(signIn.count('token'), 2);
  });
});

describe('one provider that hangs', () => {
  let world;
  before(async () => {
    world = await HostileWorld.start({
      size: 4, provider: { request_timeout: '3s', connect_timeout: '1s', max_concurrent_requests: 64 },
    });
  });
  after(() => world?.stop());

  it('st-hang-isolation: two thousand sign-ins pile up at one, and another\'s take no longer', async () => {
    const [stuck, fine] = [world.newCase(), world.newCase()];
    await fine.run('code id_token');
    await stuck.run('code id_token');
    stuck.op.always('token', { response: () => ({ hang: true }) });
    const begun = await Promise.all(Array.from({ length: 2000 }, async () => {
      const one = stuck.another();
      await one.begin('code');
      return one;
    }));
    const outcomes = begun.map((one) => one.submit(one.authorize()).then(() => 'OK', (error) => error.code));
    await eventually(() => stuck.count('token') >= 64, 'it is full');
    const times = [];
    for (let i = 0; i < 40; ++i) {
      const began = performance.now();
      await fine.run('code id_token');
      times.push(performance.now() - began);
    }
    const slowest = Math.max(...times);
    const codes = new Set(await Promise.all(outcomes));
    for (const code of codes) assert.ok(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED'].includes(code), code);
    assert.ok(codes.has('RESOURCE_EXHAUSTED'), 'what is beyond the limit is told so at once');
    assert.ok(slowest < 1500, `the slowest took ${Math.round(slowest)} ms`);
    assert.ok(stuck.count('token') <= 1001);
  });
});

describe('a store that pauses', () => {
  let redis;
  let world;
  before(async () => {
    redis = await Redis.start();
    world = await HostileWorld.start({
      size: 4,
      client: { refresh: { floor: '0s' } },
      config: redisStore(redis.port, { command_timeout: '300ms', connect_timeout: '300ms' }),
    });
  });
  after(async () => {
    await world?.stop();
    await redis?.stop();
  });

  // Pauses Redis when the provider has been asked, and wakes it a while after it has answered.
  async function pauseDuring(signIn, work) {
    const sent = signIn.count('token');
    signIn.op.next('token', { response: (answer) => ({ ...answer, delayMs: 200 }) });
    const done = work();
    await eventually(() => signIn.count('token') > sent, 'the request leaves');
    redis.pause();
    setTimeout(() => redis.resume(), 1200);
    return done;
  }

  it('st-store-down: tokens that were got while it was away are stored when it is back', async () => {
    const signIn = world.newCase();
    await signIn.begin('code');
    const { grant } = await pauseDuring(signIn, () => signIn.submit(signIn.authorize()));
    assert.equal(grant.state, 'GRANT_STATE_ACTIVE');
    assert.deepEqual([signIn.count('token'), signIn.count('revocation')], [1, 0]);
  });

  it('st-store-down: a rotated refresh token is not lost with it', async () => {
    const signIn = world.newCase();
    await signIn.run('code');
    const { access_token: held } = await signIn.token();
    const renew = (rejected) => signIn.token({ rejected_access_token: rejected });
    const { access_token: fresh } = await pauseDuring(signIn, () => renew(held));
    assert.notEqual(fresh, held);
    assert.notEqual((await renew(fresh)).access_token, fresh);
    const [family] = new Set(signIn.op.families.values());
    assert.equal(family.dead, false);
  });
});

describe('a clock that jumps', () => {
  let world;
  const machine = new StagedMachine();
  before(async () => {
    world = await HostileWorld.start({ size: 4, client: { refresh: { floor: '0s' } }, options: { machine } });
  });
  after(() => world?.stop());

  const refreshes = ({ op }) => op.requests('token').filter(({ form }) => form.grant_type === 'refresh_token');
  async function signedIn() {
    const signIn = world.newCase();
    await signIn.run('code');
    signIn.held = (await signIn.token()).access_token;
    return signIn;
  }

  it('st-wall-clock-jump: an hour ahead, nothing is refreshed that nobody asks for, and no ID token is believed', async () => {
    const [asked, left] = [await signedIn(), await signedIn()];
    machine.moveClock(3600);
    await fails(asked.token(), PROTO('TOKEN_EXPIRED'));
    await fails(world.newCase().run('code id_token'), ARG('TOKEN_EXPIRED'));
    assert.equal(refreshes(left).length, 0);
    assert.ok(refreshes(asked).length <= 1);
    machine.moveClock(-3600);
    // What was refused was kept safe: the grant lives on with the rotated refresh token.
    assert.equal((await left.token()).access_token, left.held);
    const fresh = await asked.token({ rejected_access_token: asked.held });
    assert.notEqual(fresh.access_token, asked.held);
    assert.equal([...new Set(asked.op.families.values())][0].dead, false);
  });

  it('st-wall-clock-jump: an hour back, tokens are served and new ID tokens are from the future', async () => {
    const signIn = await signedIn();
    machine.moveClock(-3600);
    assert.equal((await signIn.token()).access_token, signIn.held);
    assert.equal(refreshes(signIn).length, 0);
    await fails(signIn.another().run('code id_token'), ARG(['ISSUED_IN_FUTURE', 'CLAIM_MALFORMED']));
    machine.moveClock(3600);
    await signIn.another().run('code id_token');
    assert.equal((await signIn.token()).access_token, signIn.held);
  });
});

describe('what callers are told', () => {
  let world;
  before(async () => { world = await HostileWorld.start({ size: 120 }); });
  after(() => world?.stop());

  const failureOf = (call) => call.then(() => assert.fail('accepted'), (error) => error);
  const spoilt = (idToken) => async () => {
    const signIn = world.newCase();
    signIn.op.next('authorize', { idToken });
    return failureOf(signIn.run('code id_token'));
  };

  it('st-error-oracle: one text for each reason, whatever was sent, with nothing of it in it', async () => {
    const kinds = {
      'unknown state': async () => {
        const signIn = world.newCase();
        await signIn.begin();
        return failureOf(signIn.submit({ form_body: signIn.authorize().form_body.replace(/state=[^&]*/, 'state=unknown') }));
      },
      'used state': async () => {
        const signIn = world.newCase();
        await signIn.run('code');
        return failureOf(signIn.submit({ form_body: signIn.authorize().form_body }));
      },
      'foreign binding': async () => {
        const signIn = world.newCase();
        await signIn.begin();
        return failureOf(signIn.submit(signIn.authorize(), 'A'.repeat(43)));
      },
      signature: spoilt((plan) => { plan.signature = (bytes) => Buffer.from(bytes.map((b) => b ^ 1)); }),
      nonce: spoilt((plan) => { plan.claims.nonce = 'of-the-attacker'; }),
      subject: spoilt((plan) => { plan.claims.sub = ''; }),
    };
    const said = {};
    for (const [kind, make] of Object.entries(kinds)) {
      const [first, second] = [await make(), await make()];
      assert.deepEqual([second.text, second.reason], [first.text, first.reason], kind);
      for (const error of [first, second]) {
        assert.ok(!/attacker|unknown-|case-\d+.*nonce|eyJ/.test(error.text), error.text);
        assert.deepEqual(Object.keys(error.facts).filter((name) => !['provider', 'claim'].includes(name)), [], error.message);
      }
      said[kind] = first;
    }
    assert.equal(said['unknown state'].text, said['used state'].text, 'a used state is not told from one that never was');
    assert.equal(said['unknown state'].reason, 'STATE_UNKNOWN');
    assert.equal(said['foreign binding'].reason, 'BROWSER_BINDING_MISMATCH');
  });

  const claim = (name, value) => (plan) => {
    if (value === undefined) delete plan.claims[name];
    else plan.claims[name] = value;
  };
  const now = () => Math.floor(Date.now() / 1000);
  // One fault, one reason: each differs from a good ID token in one thing.
  const REASONS = {
    ISSUER_MISMATCH: claim('iss', 'https://evil.example.org'),
    AUDIENCE_MISMATCH: claim('aud', 'another'),
    AZP_MISMATCH: claim('azp', 'another'),
    NONCE_MISMATCH: claim('nonce', 'another'),
    TOKEN_EXPIRED: claim('exp', now() - 3600),
    TOKEN_NOT_YET_VALID: claim('nbf', now() + 3600),
    ISSUED_IN_FUTURE: claim('iat', now() + 3600),
    ISSUED_TOO_LONG_AGO: claim('iat', now() - 7 * 86400),
    CLAIM_MISSING: claim('exp', undefined),
    CLAIM_MALFORMED: claim('exp', 'soon'),
    SIGNATURE_INVALID: (plan) => { plan.signature = (bytes) => Buffer.from(bytes.map((b) => b ^ 1)); },
    KEY_NOT_FOUND: (plan) => { plan.header.kid = 'nobody'; },
    ALGORITHM_NOT_ALLOWED: (plan) => { plan.header.alg = 'HS256'; },
    CRITICAL_HEADER_UNKNOWN: (plan) => { plan.header.crit = ['x']; plan.header.x = 1; },
    JWT_TYPE_MISMATCH: (plan) => { plan.header.typ = 'at+jwt'; },
    JWT_MALFORMED: (plan) => { plan.compact = (token) => `${token}=`; },
    C_HASH_MISMATCH: claim('c_hash', 'AAAAAAAAAAAAAAAAAAAAAA'),
    S_HASH_MISMATCH: claim('s_hash', 'AAAAAAAAAAAAAAAAAAAAAA'),
    AT_HASH_MISMATCH: claim('at_hash', 'AAAAAAAAAAAAAAAAAAAAAA'),
  };

  for (const [reason, idToken] of Object.entries(REASONS)) {
    it(`st-uniform-reasons: ${reason} in the callback`, async () => {
      const signIn = world.newCase();
      signIn.op.next('authorize', { idToken });
      await fails(signIn.run('code id_token token'), ARG(reason));
      assert.equal(signIn.count('token'), 0);
    });
    it(`st-uniform-reasons: ${reason} at the token endpoint`, async () => {
      const signIn = world.newCase();
      signIn.op.next('token', { idToken });
      await fails(signIn.run('code'), PROTO(reason));
      await eventually(() => signIn.count('revocation') > 0, 'a revocation');
    });
  }

  it('st-uniform-reasons: C_HASH_MISSING, AT_HASH_MISSING, SUBJECT_MISMATCH and AUTH_TIME_MISSING', async () => {
    for (const [name, reason, type, request] of [
      ['c_hash', 'C_HASH_MISSING', 'code id_token'], ['at_hash', 'AT_HASH_MISSING', 'code id_token token'],
      ['auth_time', 'AUTH_TIME_MISSING', 'code id_token', { max_age: { seconds: 60 } }],
    ]) {
      const signIn = world.newCase();
      signIn.op.next('authorize', { idToken: claim(name, undefined) });
      await fails(signIn.run(type, request), ARG(reason));
    }
    const signIn = world.newCase();
    signIn.op.next('token', { idToken: claim('sub', 'another') });
    await fails(signIn.run('code id_token'), PROTO('SUBJECT_MISMATCH'));
  });

  const groups = (kibibytes) => Array.from({ length: kibibytes * 16 }, (_, i) => `group-${String(i).padStart(6, '0')}-${'x'.repeat(47)}`);

  it('st-large-token: 64 KiB of groups in both ID tokens', async () => {
    const signIn = world.newCase({ claims: { groups: groups(64) } });
    const { id_token_claims: claims } = await signIn.run('code id_token');
    assert.equal(claims.fields.groups.listValue.values.length, 1024);
  });

  it('st-large-token: 5 MiB through the browser', async () => {
    const signIn = world.newCase();
    signIn.op.next('authorize', { idToken: claim('groups', groups(5 * 1024)) });
    const error = await failureOf(signIn.run('code id_token'));
    assert.ok(['RESOURCE_EXHAUSTED', 'INVALID_ARGUMENT'].includes(error.code), error.message);
    assert.equal(signIn.count('token'), 0);
  });

  it('st-large-token: 5 MiB from the token endpoint', async () => {
    const signIn = world.newCase();
    signIn.op.next('token', { idToken: claim('groups', groups(5 * 1024)) });
    await fails(signIn.run('code'), PROTO());
    assert.deepEqual(await signIn.grants(), []);
  });

  it('st-error-oracle: a grant that was revoked and one that expired read alike', async () => {
    const signIn = world.newCase();
    await signIn.run('code');
    await signIn.rpc.RevokeGrant({ grant_id: signIn.grantId });
    await fails(signIn.token(), RELOGIN);
    await fails(signIn.rpc.GetAccessToken({ grant_id: 'never-was-here' }), { code: 'NOT_FOUND', reason: 'GRANT_UNKNOWN' });
    await fails(signIn.submit({ form_body: 'state=x&code=y' }), STATE_UNKNOWN);
    await fails((await signIn.begin(), signIn.submit(signIn.authorize(), 'B'.repeat(43))), BINDING);
  });
});
