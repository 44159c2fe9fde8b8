// Keys that change, vanish, come late or not at all.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Authority } from './harness/certificates.mjs';
import { eventually } from './harness/child.mjs';
import { ARG, PROTO, UP, fails } from './harness/expect.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { StagedMachine } from './harness/staged_machine.mjs';
import { publicJwk, signingKey } from '../providers/hostile/keys.mjs';
import { HostileServer } from '../providers/hostile/server.mjs';

describe('key sets', () => {
  let world;
  let machine;
  let cdn;
  const authority = new Authority();
  before(async () => {
    machine = new StagedMachine();
    cdn = await HostileServer.start({ address: '127.0.0.2', tls: authority.issue('IP:127.0.0.2') });
    world = await HostileWorld.start({
      size: 40,
      provider: {
        request_timeout: '3s',
        connect_timeout: '1s',
        maximum_staleness: '1h',
        ca_file: authority.caFile,
        jwks: { minimum_lifetime: '5m', maximum_lifetime: '10m', forced_refetch_burst: 5, forced_refetch_interval: '1h' },
      },
      options: { machine },
    });
  });
  after(async () => {
    await world?.stop();
    await cdn?.close();
  });

  const TYPE = 'code id_token';

  // Moves the broker's clock and that of every provider here.
  function moveClocks(seconds) {
    machine.moveClock(seconds);
    for (const op of world.server.tenants) op.clockAhead = Math.max(0, machine.ahead);
  }
  function newCase(settings) {
    return world.newCase({ clockAhead: machine.ahead, ...settings });
  }

  // Signs with another key from now on; returns its public half.
  function signWith(op, name, kid) {
    const key = signingKey(op.alg, name);
    const idToken = (plan) => { plan.key = key; plan.header.kid = kid; };
    op.tweaks.delete('authorize');
    op.tweaks.delete('token');
    op.always('authorize', { idToken });
    op.always('token', { idToken });
    return publicJwk(key, { kid, alg: op.alg });
  }

  for (const type of ['code', 'code id_token']) {
    it(`jwks-rotation-just-before-signing: keys that are replaced after they were fetched (${type})`, async () => {
      const signIn = newCase();
      signIn.op.next('jwks', { json: () => ({ keys: signIn.op.jwks }) });
      await signIn.run(TYPE);
      // The second set is fetched and is already old when the token is signed.
      moveClocks(11 * 60);
      signIn.op.next('jwks', { json: (body) => ({ ...body }) });
      const next = signWith(signIn.op, 'rotated', 'new');
      const old = signIn.op.jwks;
      signIn.op.tweaks.delete('jwks');
      signIn.op.next('jwks', { json: () => ({ keys: old }) });
      signIn.op.jwks = [next];
      await signIn.run(type);
      assert.equal(signIn.count('jwks'), 3);
    });
  }

  it('jwks-rotation-just-before-signing: and again at once, with no pause in between', async () => {
    const signIn = newCase();
    await signIn.run(TYPE);
    for (const name of ['second', 'third', 'fourth', 'fifth']) {
      signIn.op.jwks = [signWith(signIn.op, name, name)];
      await signIn.run(TYPE);
    }
    assert.equal(signIn.count('jwks'), 5);
  });

  it('jwks-key-withdrawn: a key that is no longer published is worth nothing', async () => {
    const signIn = newCase();
    const withdrawn = signWith(signIn.op, 'withdrawn', 'old');
    signIn.op.jwks = [...signIn.op.jwks, withdrawn];
    await signIn.run(TYPE);
    signIn.op.jwks = signIn.op.jwks.slice(0, 1);
    moveClocks(11 * 60);
    await fails(signIn.run(TYPE), ARG('KEY_NOT_FOUND'));
  });

  it('jwks-kid-reused: a new key under the old kid works after one fetch', async () => {
    const signIn = newCase({ kid: 'same' });
    await signIn.run(TYPE);
    signIn.op.jwks = [signWith(signIn.op, 'replaced', 'same')];
    await signIn.run(TYPE);
    assert.equal(signIn.count('jwks'), 2);
  });

  it('jwks-kid-reused: a signature that stays bad costs no more than the limit', async () => {
    const signIn = newCase({ kid: 'same' });
    await signIn.run(TYPE);
    signWith(signIn.op, 'stranger', 'same');
    for (let i = 0; i < 20; ++i) await fails(signIn.run(TYPE), ARG('SIGNATURE_INVALID'));
    assert.equal(signIn.count('jwks'), 1 + 5);
  });

  for (const [kind, keys] of Object.entries({
    'no keys': [],
    'keys for encryption': [publicJwk(signingKey('RS256', 'enc'), { use: 'enc' })],
    'keys of types unknown': [{ kty: 'AKP', alg: 'ML-DSA-44', pub: 'AAAA' }],
  })) {
    it(`jwks-cooldown-empty-set: ${kind}, and a flood of tokens`, async () => {
      const signIn = newCase();
      signIn.op.jwks = keys;
      for (let i = 0; i < 30; ++i) await fails(signIn.run(TYPE), ARG('KEY_NOT_FOUND'));
      assert.ok(signIn.count('jwks') <= 1 + 5, `${signIn.count('jwks')} fetches`);
      assert.equal(signIn.count('token'), 0);
    });
  }

  it('jwks-fetch-fail-reentry: many wait on a fetch that fails, and many more come after', async () => {
    const signIn = newCase();
    signIn.op.always('jwks', { response: (answer) => ({ ...answer, delayMs: 100, reset: true }) });
    const wave = () => Promise.all(Array.from({ length: 20 }, async () => {
      const one = signIn.another();
      const error = await one.run(TYPE).then(() => assert.fail('accepted'), (e) => e);
      assert.equal(error.code, 'UNAVAILABLE', error.message);
    }));
    await Promise.all([wave(), wave()]);
    await wave();
    assert.equal(signIn.count('token'), 0);
    signIn.op.tweaks.clear();
    await eventually(() => signIn.run(TYPE), 'the keys are fetched again', 35000);
  });

  it('jwks-stale-serve: keys that cannot be renewed are used until they are too old', async () => {
    const signIn = newCase();
    await signIn.run(TYPE);
    signIn.op.always('jwks', { instead: { status: 503 } });
    moveClocks(30 * 60);
    await signIn.run(TYPE);
    assert.match(world.broker.output, /issuer keys cannot be renewed/);
    moveClocks(60 * 60);
    await fails(signIn.run(TYPE), UP);
    signIn.op.tweaks.clear();
    moveClocks(60);
    await signIn.run(TYPE);
  });

  for (const [kind, body] of Object.entries({ 'malformed set': '{"keys":{}}', HTML: '<html>', 'empty body': '' })) {
    it(`jwks-malformed-set: after good keys, a ${kind} changes nothing`, async () => {
      const signIn = newCase();
      await signIn.run(TYPE);
      signIn.op.always('jwks', { response: (answer) => ({ ...answer, body }) });
      moveClocks(11 * 60);
      await signIn.run(TYPE);
      assert.ok(signIn.count('jwks') >= 2);
    });
  }

  it('jwks-oversize: after good keys, 20 MiB of them change nothing', async () => {
    const signIn = newCase();
    await signIn.run(TYPE);
    signIn.op.always('jwks', { response: (answer) => ({ ...answer, body: JSON.stringify({ keys: [], x: 'x'.repeat(20 << 20) }) }) });
    moveClocks(11 * 60);
    await signIn.run(TYPE);
    assert.ok(signIn.count('jwks') >= 2);
  });

  it('jwks-etag: nothing is asked conditionally, so that an answer is always whole', async () => {
    const signIn = newCase();
    signIn.op.always('jwks', { response: (answer) => ({ ...answer, headers: { ...answer.headers, etag: '"1"' } }) });
    await signIn.run(TYPE);
    moveClocks(11 * 60);
    await signIn.run(TYPE);
    const [, second] = signIn.op.requests('jwks');
    assert.equal(second.headers['if-none-match'], undefined);
  });

  it('jwks-etag: a 304 that nobody asked for is no key set', async () => {
    const signIn = newCase();
    signIn.op.always('jwks', { instead: { status: 304, headers: { etag: '"1"' } } });
    await fails(signIn.run(TYPE), PROTO());
    assert.equal(signIn.count('token'), 0);
  });

  it('jwks-other-origin: keys may be published elsewhere', async () => {
    const signIn = newCase();
    const keys = cdn.tenant('keys', { jwks: signIn.op.jwks });
    signIn.op.always('discovery', { json: (body) => ({ ...body, jwks_uri: `${keys.issuer}/jwks` }) });
    await signIn.run(TYPE);
    assert.equal(keys.requests('jwks').length, 1);
    assert.equal(signIn.count('jwks'), 0);
  });

  it('kid-collision-across-issuers: one key set at two issuers is kept apart', async () => {
    const [a, b] = [newCase({ kid: 'same' }), newCase({ kid: 'same' })];
    await a.run(TYPE);
    b.op.jwks = [];
    await fails(b.run(TYPE), ARG('KEY_NOT_FOUND'));
    await a.run(TYPE);
  });
});
