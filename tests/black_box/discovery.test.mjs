// The provider's metadata and keys: fetched late, checked, cached, and fetched again with restraint.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from './harness/child.mjs';
import { ARG, MISCONFIGURED, UP, fails } from './harness/expect.mjs';
import { Health } from './harness/health.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { publicJwk, signingKey } from '../providers/hostile/keys.mjs';

describe('discovery', () => {
  let world;
  before(async () => {
    world = await HostileWorld.start({ size: 80, provider: { request_timeout: '3s', connect_timeout: '1s' } });
    // Until then it looks whether its providers are there.
    const health = new Health(world.broker.address);
    await eventually(() => health.isServing(), 'it is ready');
    health.close();
  });
  after(() => world?.stop());

  const metadata = (members) => ({ json: (body) => JSON.parse(JSON.stringify({ ...body, ...members })) });
  const failing = (status) => ({ response: (answer) => ({ ...answer, status }) });

  async function with_(tweak, times) {
    const signIn = world.newCase();
    signIn.op.next('discovery', tweak, times);
    return signIn;
  }

  it('disc-happy: metadata and keys are fetched when needed, once', async () => {
    const signIn = world.newCase();
    assert.equal(signIn.count('discovery') + signIn.count('jwks'), 0);
    await signIn.run('code');
    await signIn.run('code id_token');
    assert.deepEqual([signIn.count('discovery'), signIn.count('jwks')], [1, 1]);
  });

  for (const name of ['issuer', 'authorization_endpoint', 'token_endpoint', 'jwks_uri']) {
    for (const value of [undefined, null, 7, '']) {
      it(`disc-missing-required: ${name} = ${JSON.stringify(value)}`, async () => {
        const signIn = await with_(metadata({ [name]: value }), Infinity);
        await fails(signIn.begin(), MISCONFIGURED);
      });
    }
  }

  it('disc-issuer: it must be the one configured, to the byte', async () => {
    for (const change of [(v) => `${v}/`, (v) => v.toUpperCase(), (v) => v.slice(0, -1)]) {
      const signIn = world.newCase();
      signIn.op.always('discovery', { json: (body) => ({ ...body, issuer: change(body.issuer) }) });
      await fails(signIn.begin(), MISCONFIGURED);
    }
  });

  for (const url of ['http://op.example.org/x', 'file:///etc/passwd', 'gopher://x/', '/relative', 'https://user@host/', 'https://host/#f']) {
    for (const name of ['authorization_endpoint', 'token_endpoint', 'jwks_uri']) {
      it(`disc-endpoint-scheme: ${name} = ${url}`, async () => {
        const signIn = await with_(metadata({ [name]: url }), Infinity);
        await fails(signIn.begin(), MISCONFIGURED);
      });
    }
  }

  for (const status of [301, 302, 307]) {
    it(`disc-redirect: ${status} is not followed`, async () => {
      const signIn = world.newCase();
      const other = world.newCase();
      signIn.op.always('discovery', {
        response: (answer) => ({ ...answer, status, headers: { location: `${other.op.issuer}/.well-known/openid-configuration` } }),
      });
      const error = await signIn.begin().then(() => assert.fail('accepted'), (e) => e);
      assert.ok(['UNAVAILABLE', 'INTERNAL'].includes(error.code), error.message);
      assert.equal(other.count('discovery'), 0);
    });
  }

  for (const [kind, fault] of Object.entries({
    500: failing(500), 404: failing(404), reset: { response: () => ({ reset: true }) }, timeout: { response: () => ({ hang: true }) },
  })) {
    it(`disc-cold-500: down with ${kind} at first, well later`, async () => {
      const signIn = await with_(fault, Infinity);
      const error = await signIn.begin().then(() => assert.fail('accepted'), (e) => e);
      assert.ok(['UNAVAILABLE', 'INTERNAL', 'DEADLINE_EXCEEDED'].includes(error.code), error.message);
      signIn.op.tweaks.clear();
      await eventually(() => signIn.begin(), 'the provider is tried again', 35000);
    });
  }

  it('disc-oversize: 20 MiB of metadata', async () => {
    const signIn = await with_(metadata({ x: 'x'.repeat(20 * 1024 * 1024) }), Infinity);
    const error = await signIn.begin().then(() => assert.fail('accepted'), (e) => e);
    assert.ok(['UNAVAILABLE', 'INTERNAL', 'DEADLINE_EXCEEDED'].includes(error.code), error.message);
  });

  for (const [kind, body] of Object.entries({ deep: '['.repeat(100000), HTML: '<html>', array: '[]', empty: '' })) {
    it(`disc-garbage: ${kind}`, async () => {
      const signIn = await with_({ response: (answer) => ({ ...answer, body }) }, Infinity);
      const error = await signIn.begin().then(() => assert.fail('accepted'), (e) => e);
      assert.equal(error.code, 'INTERNAL', error.message);
    });
  }

  it('disc-duplicate-keys', async () => {
    const signIn = await with_({
      response: (answer) => ({ ...answer, body: `{"token_endpoint":"https://evil.example.org/",${answer.body.slice(1)}` }),
    }, Infinity);
    const error = await signIn.begin().then(() => assert.fail('accepted'), (e) => e);
    assert.equal(error.code, 'INTERNAL', error.message);
  });

  it('disc-authz-endpoint-query: its own parameters stay', async () => {
    const signIn = world.newCase();
    signIn.op.always('discovery', { json: (body) => ({ ...body, authorization_endpoint: `${body.authorization_endpoint}?p=x%20y` }) });
    const { authorization_url: url } = await signIn.begin();
    const query = new URL(url).searchParams;
    assert.equal(query.get('p'), 'x y');
    for (const name of ['state', 'nonce', 'client_id']) assert.equal(query.getAll(name).length, 1);
  });

  it('disc-auth-method-default: client_secret_basic', async () => {
    const signIn = await with_(metadata({ token_endpoint_auth_methods_supported: undefined }), Infinity);
    await signIn.run('code');
  });

  it('disc-alg-list-none: none is never enabled', async () => {
    const signIn = await with_(metadata({ id_token_signing_alg_values_supported: ['none', 'HS256'] }), Infinity);
    const outcome = await signIn.begin().then(() => signIn, (error) => error);
    if (outcome !== signIn) return assert.equal(outcome.reason, 'PROVIDER_MISCONFIGURED');
    signIn.op.next('authorize', { idToken: (plan) => { plan.header = { alg: 'none' }; plan.signature = () => Buffer.alloc(0); } });
    const error = await signIn.submit(signIn.authorize()).then(() => assert.fail('accepted'), (e) => e);
    return assert.equal(error.code, 'INVALID_ARGUMENT');
  });

  it('jwks-single-flight: two hundred sign-ins at a cold start, one fetch', async () => {
    const signIn = world.newCase({ alg: 'ES256' });
    const begun = await Promise.all(Array.from({ length: 200 }, () => signIn.rpc.CreateAuthorizationUrl({
      client: signIn.client, redirect_uri: signIn.redirectUri, response_type: 'code id_token', response_mode: 'form_post',
    })));
    assert.equal(signIn.count('discovery'), 1);
    await Promise.all(begun.map(({ authorization_url: url, browser_binding: binding }) =>
      signIn.submit(signIn.authorize(url), binding)));
    assert.equal(signIn.count('jwks'), 1);
  });

  function newKey(op, name, kid) {
    const key = signingKey(op.alg, name);
    op.always('authorize', { idToken: (plan) => { plan.key = key; plan.header.kid = kid; } });
    op.always('token', { idToken: (plan) => { plan.key = key; plan.header.kid = kid; } });
    return publicJwk(key, { kid, alg: op.alg });
  }

  it('jwks-rotation-between-logins', async () => {
    const signIn = world.newCase();
    await signIn.run('code id_token');
    signIn.op.jwks = [newKey(signIn.op, 'rotated', 'new')];
    await signIn.run('code id_token');
    assert.equal(signIn.count('jwks'), 2);
  });

  it('jwks-rotation-overlap', async () => {
    const signIn = world.newCase();
    await signIn.run('code id_token');
    signIn.op.jwks = [...signIn.op.jwks, publicJwk(signingKey('RS256', 'rotated'), { kid: 'new', alg: 'RS256' })];
    await signIn.run('code id_token');
    newKey(signIn.op, 'rotated', 'new');
    await signIn.run('code id_token');
  });

  it('kid-collision-across-issuers: keys belong to their issuer', async () => {
    const [a, b] = [world.newCase({ kid: 'same' }), world.newCase({ kid: 'same' })];
    await a.run('code id_token');
    b.op.jwks = [publicJwk(signingKey('RS256', 'stranger'), { kid: 'same', alg: 'RS256' })];
    await fails(b.run('code id_token'), ARG('SIGNATURE_INVALID'));
  });

  it('idt-iss-other-trusted-op: one provider cannot speak for another', async () => {
    const [a, b] = [world.newCase(), world.newCase()];
    await b.run('code id_token');
    a.op.next('authorize', { idToken: (plan) => { plan.claims.iss = b.op.issuer; } });
    await fails(a.run('code id_token'), ARG('ISSUER_MISMATCH'));
  });

  it('jwks-unknown-kid-flood: forged key ids cost the provider next to nothing', async () => {
    const signIn = world.newCase();
    await signIn.run('code id_token');
    const began = Date.now();
    for (let round = 0; round < 20; ++round) {
      await Promise.all(Array.from({ length: 50 }, async (_, i) => {
        const one = signIn.another();
        await one.begin('code id_token');
        one.op.next('authorize', { idToken: (plan) => { plan.header.kid = `forged-${round}-${i}`; } });
        await fails(one.submit(one.authorize()), ARG('KEY_NOT_FOUND'));
      }));
    }
    // The configuration here allows five at once and one more a second.
    const allowed = 1 + 5 + Math.ceil((Date.now() - began) / 1000);
    assert.ok(signIn.count('jwks') <= allowed, `${signIn.count('jwks')} fetches`);
    await signIn.run('code id_token');
  });

  for (const [kind, body] of Object.entries({ array: '[]', 'no keys': '{}', 'null keys': '{"keys":null}', 'object keys': '{"keys":{}}', 'odd members': '{"keys":[7]}', HTML: '<html>' })) {
    it(`jwks-malformed-set: ${kind}`, async () => {
      const signIn = world.newCase();
      signIn.op.always('jwks', { response: (answer) => ({ ...answer, body }) });
      const error = await signIn.run('code id_token').then(() => assert.fail('accepted'), (e) => e);
      assert.ok(['INTERNAL', 'UNAVAILABLE', 'INVALID_ARGUMENT'].includes(error.code), error.message);
      assert.equal(signIn.count('token'), 0);
    });
  }

  it('jwks-failure-storm: keys that cannot be had', async () => {
    const signIn = world.newCase();
    signIn.op.always('jwks', failing(503));
    await signIn.begin();
    await fails(signIn.submit(signIn.authorize()), UP);
    assert.equal(signIn.count('token'), 0);
    signIn.op.tweaks.clear();
    await eventually(() => signIn.run('code id_token'), 'the keys are tried again', 35000);
  });

  it('jwks-failure-storm: two hundred sign-ins wait for keys that do not come, and a few requests are made', async () => {
    const [signIn, other] = [world.newCase(), world.newCase()];
    await other.run('code id_token');
    signIn.op.always('jwks', { response: () => ({ hang: true }) });
    const begun = await Promise.all(Array.from({ length: 200 }, async () => {
      const one = signIn.another();
      await one.begin('code id_token');
      return one;
    }));
    const outcomes = begun.map((one) => one.submit(one.authorize()).then(() => 'OK', (error) => error.code));
    await other.another().run('code id_token');
    for (const code of await Promise.all(outcomes)) assert.ok(['UNAVAILABLE', 'DEADLINE_EXCEEDED'].includes(code), code);
    assert.ok(signIn.count('jwks') <= 10, `${signIn.count('jwks')} requests for keys`);
    assert.equal(signIn.count('token'), 0);
  });

  it('jwks-oversize: 10,000 keys', async () => {
    const signIn = world.newCase();
    const [jwk] = signIn.op.jwks;
    signIn.op.jwks = Array.from({ length: 10000 }, (_, i) => ({ ...jwk, kid: `k${i}` }));
    const error = await signIn.run('code id_token').then(() => assert.fail('accepted'), (e) => e);
    assert.ok(['INTERNAL', 'UNAVAILABLE', 'RESOURCE_EXHAUSTED'].includes(error.code), error.message);
  });

  for (const value of ['max-age=0', 'no-store', 'max-age=99999999999999999999', 'max-age=-1', '😀']) {
    it(`jwks-cache-control: ${value === '😀' ? 'garbage' : value}`, async () => {
      const signIn = world.newCase();
      const safe = value === '😀' ? 'max-age=x,,=' : value;
      signIn.op.always('jwks', { response: (answer) => ({ ...answer, headers: { ...answer.headers, 'cache-control': safe } }) });
      await signIn.run('code id_token');
      await signIn.run('code id_token');
      assert.ok(signIn.count('jwks') <= 2);
    });
  }
});
