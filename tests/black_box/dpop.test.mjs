// Tokens that are bound to keys (RFC 9449): at oidc-provider, and at one that gets it wrong.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { redisStore } from './harness/broker.mjs';
import { eventually } from './harness/child.mjs';
import { PROTO, fails } from './harness/expect.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { RealWorld } from './harness/real_world.mjs';
import { Redis } from './harness/redis.mjs';
import { plain } from './harness/rpc.mjs';

for (const [how, flags] of [['', []], [' that wants nonces', ['--dpop-nonces']]]) {
  describe(`DPoP at oidc-provider${how}`, () => {
    let world;
    let redis;
    before(async () => {
      redis = await Redis.start();
      world = await RealWorld.start({ flags, config: redisStore(redis.port) });
    });
    after(async () => {
      await world?.stop();
      await redis?.stop();
    });

    const target = (nonce = '') => ({ http_method: 'GET', http_uri: `${world.api}/api/hello`, nonce });
    const token = (grant, request = {}) => world.rpc.GetAccessToken({ grant_id: grant.grant_id, ...request });

    // Calls the API as an application would: with a proof, and again with the nonce that it asks for.
    async function callApi(grant, request = {}) {
      let answer = await token(grant, { ...request, dpop_proof_for: target() });
      let called = await world.callApi(answer.access_token, answer.dpop_proof);
      if (called.nonce) {
        answer = await token(grant, { ...request, dpop_proof_for: target(called.nonce) });
        called = await world.callApi(answer.access_token, answer.dpop_proof);
      }
      return called;
    }

    for (const client of ['dpop', 'dpop-public', 'dpop-rsa']) {
      it(`binds the tokens of ${client} from the sign-in through refreshes`, async () => {
        const { grant } = await world.signIn({ client });
        const first = await token(grant);
        assert.equal(first.token_type, 'DPoP');
        assert.equal(first.dpop_proof, '');
        assert.equal((await callApi(grant)).status, 200);
        assert.equal((await world.callApi(first.access_token)).status, 401, 'a bound token alone is worth nothing');

        let last = first;
        for (let round = 0; round < 3; ++round) {
          const next = await token(grant, { rejected_access_token: last.access_token });
          assert.notEqual(next.access_token, last.access_token);
          assert.equal(next.token_type, 'DPoP');
          last = next;
        }
        const { status, body } = await callApi(grant);
        assert.deepEqual([status, body.hello], [200, 'alice']);
      });
    }

    it('takes every response type', async () => {
      for (const response_type of ['code', 'code id_token']) {
        const { grant } = await world.signIn({ client: 'dpop', response_type });
        assert.equal((await callApi(grant)).status, 200);
      }
    });

    it('proves its key at userinfo', async () => {
      const { grant } = await world.signIn({ client: 'dpop' });
      const { claims } = await world.rpc.GetUserInfo({ grant_id: grant.grant_id });
      assert.equal(plain(claims).sub, 'alice');
    });

    it('keeps one key for all tokens of a grant', async () => {
      const audience = 'https://api.example.org/a';
      const { grant } = await world.signIn({ client: 'dpop', resources: [audience] });
      assert.equal((await callApi(grant, { audience })).status, 200);
      const less = { scopes: ['hello:read'], audience };
      assert.equal((await callApi(grant, less)).status, 200);
    });

    it('gives proofs that are good for one request of one token', async () => {
      const { grant } = await world.signIn({ client: 'dpop' });
      const other = await world.signIn({ client: 'dpop' }, { login: 'bob' });
      const mine = await token(grant, { dpop_proof_for: target() });
      const theirs = await token(other.grant, { dpop_proof_for: target() });
      assert.equal((await world.callApi(mine.access_token, theirs.dpop_proof)).status, 401);
      const elsewhere = await token(grant, { dpop_proof_for: { ...target(), http_uri: `${world.api}/api/other` } });
      assert.equal((await world.callApi(mine.access_token, elsewhere.dpop_proof)).status, 401);
      const called = await world.callApi(mine.access_token, mine.dpop_proof);
      if (!called.nonce) assert.equal(called.status, 200);
      assert.equal((await world.callApi(mine.access_token, mine.dpop_proof)).status, 401, 'a proof is good once');
    });

    it('goes on at another replica', async () => {
      const { grant } = await world.signIn({ client: 'dpop-public' });
      const other = await world.addReplica();
      try {
        const first = await other.rpc.GetAccessToken({ grant_id: grant.grant_id });
        const wish = { rejected_access_token: first.access_token, dpop_proof_for: target() };
        const next = await other.rpc.GetAccessToken({ grant_id: grant.grant_id, ...wish });
        assert.notEqual(next.access_token, first.access_token);
        assert.equal((await callApi(grant)).status, 200);
      } finally {
        await other.stop();
      }
    });

    it('revokes', async () => {
      const { grant } = await world.signIn({ client: 'dpop-public' });
      assert.equal((await world.rpc.RevokeGrant({ grant_id: grant.grant_id })).revoked_at_provider, true);
    });

    it('leaves clients without DPoP as they are', async () => {
      const { grant } = await world.signIn();
      const answer = await token(grant);
      assert.equal(answer.token_type, 'Bearer');
      assert.equal((await world.callApi(answer.access_token)).status, 200);
      const error = await fails(token(grant, { dpop_proof_for: target() }), {
        code: 'INVALID_ARGUMENT',
        reason: 'INVALID_REQUEST',
      });
      assert.match(error.text, /bearer token/);
    });

    for (const [field, change] of Object.entries({
      http_method: { http_method: 'GET /' },
      http_uri: { http_uri: '/api/hello' },
      nonce: { nonce: 'two words' },
    })) {
      it(`refuses a proof for nothing: ${field}`, async () => {
        const { grant } = await world.signIn({ client: 'dpop' });
        const error = await fails(token(grant, { dpop_proof_for: { ...target(), ...change } }), {
          code: 'INVALID_ARGUMENT',
          reason: 'INVALID_REQUEST',
        });
        assert.match(error.text, new RegExp(field));
      });
    }
  });
}

describe('DPoP at a provider that gets it wrong', () => {
  let world;
  before(async () => {
    const client = {
      dpop: {},
      client_credentials: true,
      refresh: { floor: '0s' },
      response_types: ['code', 'code id_token'],
    };
    world = await HostileWorld.start({ size: 30, client });
  });
  after(() => world?.stop());

  const proofs = (signIn) => [...signIn.op.proofs.values()];
  const refreshed = (signIn, last) => signIn.token({ rejected_access_token: last.access_token });
  const set = (members) => ({ json: (body) => JSON.parse(JSON.stringify({ ...body, ...members })) });
  const challenge = (nonce) => ({
    instead: {
      status: 400,
      headers: { 'content-type': 'application/json', ...(nonce && { 'dpop-nonce': nonce }) },
      body: '{"error":"use_dpop_nonce"}',
    },
  });

  it('sends the thumbprint first, and then proofs by that key alone', async () => {
    const signIn = world.newCase();
    await signIn.run('code id_token');
    const jkt = new URL(signIn.begun.authorization_url).searchParams.get('dpop_jkt');
    const first = await signIn.token();
    await refreshed(signIn, first);
    await signIn.rpc.GetUserInfo({ grant_id: signIn.grantId });
    assert.equal(proofs(signIn).length, 3);
    for (const proof of proofs(signIn)) assert.equal(proof.jkt, jkt);
    assert.equal(signIn.count('token'), 2);
  });

  for (const [kind, token_type] of Object.entries({ Bearer: 'Bearer', none: undefined, null: null, mac: 'mac' })) {
    it(`tok-type-dpop-downgrade: ${kind}`, async () => {
      const signIn = world.newCase();
      signIn.op.next('token', set({ token_type }));
      await fails(signIn.run('code'), PROTO());
      assert.equal(signIn.count('token'), 1);
      assert.deepEqual(await signIn.grants(), []);
    });
  }

  it('tok-type-dpop-downgrade: at a refresh', async () => {
    const signIn = world.newCase();
    await signIn.run('code');
    const first = await signIn.token();
    signIn.op.next('token', set({ token_type: 'Bearer' }));
    await fails(refreshed(signIn, first), PROTO('TOKEN_TYPE_UNSUPPORTED'));
    assert.equal((await signIn.token()).access_token, first.access_token, 'the grant is as it was');
  });

  it('tok-dpop-nonce: once, with the code', async () => {
    const signIn = world.newCase({ dpopNonce: 'nonce-1' });
    await signIn.run('code');
    assert.deepEqual(proofs(signIn).map(({ nonce }) => nonce), [undefined, 'nonce-1']);
    const [one, two] = signIn.op.requests('token');
    assert.equal(one.form.code, two.form.code);
    assert.notEqual(one.headers.dpop, two.headers.dpop);
  });

  it('tok-dpop-nonce: the newest one is used at once', async () => {
    const signIn = world.newCase();
    const give = (nonce) => ({
      response: (answer) => {
        signIn.op.dpopNonce = nonce;
        return { ...answer, headers: { ...answer.headers, 'dpop-nonce': nonce } };
      },
    });
    signIn.op.next('token', give('nonce-1'));
    await signIn.run('code');
    const first = await signIn.token();
    signIn.op.next('token', give('nonce-2'));
    await refreshed(signIn, first);
    await signIn.rpc.GetUserInfo({ grant_id: signIn.grantId });
    assert.deepEqual(proofs(signIn).map(({ nonce }) => nonce), [undefined, 'nonce-1', 'nonce-2']);
  });

  it('tok-dpop-nonce: at a refresh and at userinfo', async () => {
    const signIn = world.newCase();
    await signIn.run('code');
    const first = await signIn.token();
    signIn.op.dpopNonce = 'nonce-1';
    const second = await refreshed(signIn, first);
    assert.notEqual(second.access_token, first.access_token);
    signIn.op.dpopNonce = 'nonce-2';
    await signIn.rpc.GetUserInfo({ grant_id: signIn.grantId });
    assert.deepEqual(proofs(signIn).map(({ nonce }) => nonce), [undefined, undefined, 'nonce-1', 'nonce-1', 'nonce-2']);
  });

  it('tok-dpop-nonce: for ever', async () => {
    const signIn = world.newCase();
    signIn.op.always('token', challenge('nonce-again'));
    await fails(signIn.run('code'), { ...PROTO(), facts: { error: 'use_dpop_nonce' } });
    assert.equal(signIn.count('token'), 2);
  });

  it('tok-dpop-nonce: for ever at a refresh, and the grant lives', async () => {
    const signIn = world.newCase();
    await signIn.run('code');
    const first = await signIn.token();
    signIn.op.next('token', challenge('nonce-again'), 2);
    await fails(refreshed(signIn, first), { ...PROTO(), facts: { error: 'use_dpop_nonce' } });
    assert.equal(signIn.count('token'), 3);
    // R12: the provider is not asked again at once.
    const second = await eventually(() => refreshed(signIn, first), 'a refresh that works', 15000);
    assert.notEqual(second.access_token, first.access_token);
  });

  for (const [kind, nonce] of Object.entries({ missing: undefined, empty: '', 'two words': 'two words', long: 'n'.repeat(2000) })) {
    it(`tok-dpop-nonce: the nonce is ${kind}`, async () => {
      const signIn = world.newCase();
      signIn.op.always('token', challenge(nonce));
      await fails(signIn.run('code'), PROTO());
      assert.equal(signIn.count('token'), 1);
    });
  }

  it('binds the client\'s own tokens', async () => {
    const signIn = world.newCase({ dpopNonce: 'nonce-1' });
    const dpop_proof_for = { http_method: 'POST', http_uri: 'https://api.example.org/orders' };
    const own = { client_credentials: { client: signIn.client }, scopes: ['read'], dpop_proof_for };
    const [one, two] = [await signIn.rpc.GetAccessToken(own), await signIn.rpc.GetAccessToken(own)];
    assert.equal(one.token_type, 'DPoP');
    assert.equal(one.access_token, two.access_token);
    assert.notEqual(one.dpop_proof, two.dpop_proof);
    assert.equal(signIn.count('token'), 2);
  });
});

describe('a client without DPoP', () => {
  let world;
  before(async () => { world = await HostileWorld.start({ size: 4 }); });
  after(() => world?.stop());

  const challenge = (status) => ({
    response: (answer) => ({
      ...answer,
      status,
      headers: { ...answer.headers, 'dpop-nonce': 'nonce-1', 'www-authenticate': 'DPoP error="use_dpop_nonce"' },
      body: '{"error":"use_dpop_nonce"}',
    }),
  });

  it('tok-dpop-nonce: with DPoP off', async () => {
    const signIn = world.newCase();
    signIn.op.next('token', challenge(400));
    await fails(signIn.run('code'), PROTO());
    assert.equal(signIn.count('token'), 1);
  });

  it('ui-dpop-nonce-on-bearer', async () => {
    const signIn = world.newCase();
    await signIn.run('code');
    signIn.op.next('userinfo', challenge(401));
    await fails(signIn.rpc.GetUserInfo({ grant_id: signIn.grantId }), PROTO());
    assert.equal(signIn.count('userinfo'), 1);
  });
});
