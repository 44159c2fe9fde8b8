// Pushed and signed authorization requests and responses as JWTs, at a provider that nobody here wrote.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DENIED, fails } from './harness/expect.mjs';
import { RealWorld } from './harness/real_world.mjs';
import { keyFile } from './harness/key_file.mjs';
import { newKeyPair } from '../providers/key_pair.mjs';

const KEYS = {
  RS256: ['rsa', { modulusLength: 2048 }],
  PS256: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
  EdDSA: ['ed25519'],
};

const JWT_MODES = ['form_post.jwt', 'query.jwt', 'fragment.jwt'];

// A registration whose requests are signed with `alg`.
function signed(alg, configured = {}, registered = {}) {
  const { privateKey, publicKey } = newKeyPair(...KEYS[alg]);
  return {
    method: 'client_secret_basic',
    registered: {
      request_object_signing_alg: alg,
      require_signed_request_object: true,
      jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'jar', alg, use: 'sig' }] },
      ...registered,
    },
    configured: {
      request_object_key: { private_key: { file: keyFile(privateKey) }, algorithm: alg, key_id: 'jar' },
      ...configured,
    },
  };
}

const jarm = (alg) => ({
  method: 'client_secret_basic',
  registered: { authorization_signed_response_alg: alg },
  configured: { authorization_signed_response_alg: alg, response_modes: JWT_MODES },
});

const CLIENTS = {
  pushed: {
    method: 'client_secret_basic',
    registered: { require_pushed_authorization_requests: true },
    configured: { pushed_authorization_requests: 'always' },
  },
  'pushed-post': {
    method: 'client_secret_post',
    registered: { require_pushed_authorization_requests: true },
    configured: { pushed_authorization_requests: 'when_offered' },
  },
  'pushed-public': {
    method: 'none',
    registered: { require_pushed_authorization_requests: true },
    configured: { pushed_authorization_requests: 'always' },
  },
  ...Object.fromEntries(Object.keys(KEYS).map((alg) => [`signed-${alg}`, signed(alg)])),
  'signed-and-pushed': signed('ES256', { pushed_authorization_requests: 'always' }, { require_pushed_authorization_requests: true }),
  ...Object.fromEntries(Object.keys(KEYS).map((alg) => [`jarm-${alg}`, jarm(alg)])),
  resources: { method: 'client_secret_basic', configured: { audiences: [] } },
};

describe('the front channel at oidc-provider', () => {
  let world;
  before(async () => { world = await RealWorld.start({ clients: CLIENTS }); });
  after(() => world?.stop());

  async function signsIn(request) {
    const { grant } = await world.signIn(request);
    const token = await world.rpc.GetAccessToken({ grant_id: grant.grant_id });
    assert.equal((await world.callApi(token.access_token)).status, 200);
  }

  for (const client of Object.keys(CLIENTS).filter((name) => !name.startsWith('jarm'))) {
    for (const type of ['code', 'code id_token token']) {
      it(`signs in with ${type} by the client "${client}"`, () => signsIn({ client, response_type: type }));
    }
  }

  for (const client of ['resources', 'pushed']) {
    it(`gets a token for each resource by the client "${client}"`, async () => {
      const resources = ['https://api.example.org/a', 'https://api.example.org/b'];
      const { grant } = await world.signIn({ client, response_type: 'code', resources });
      assert.equal(grant.audience, resources[0]);
      for (const [audience, expected] of [['', resources[0]], [resources[1], resources[1]], [resources[0], resources[0]]]) {
        const { access_token: token } = await world.rpc.GetAccessToken({ grant_id: grant.grant_id, audience });
        assert.equal((await world.callApi(token)).body.aud, expected);
      }
    });
  }

  it('sends the browser with a reference alone', async () => {
    const { authorization_url: url } = await world.begin({ client: 'pushed' });
    assert.deepEqual([...new URL(url).searchParams.keys()].sort(), ['client_id', 'request_uri']);
  });

  it('says what the provider has against a pushed request', async () => {
    const call = world.begin({ client: 'pushed', prompt: 'none login' });
    await fails(call, DENIED({ error: 'invalid_request' }));
  });

  for (const alg of Object.keys(KEYS)) {
    it(`takes a response that is signed with ${alg}`, () => signsIn({
      client: `jarm-${alg}`, response_type: 'code id_token', response_mode: 'form_post.jwt',
    }));
  }

  for (const [type, mode] of [
    ['code', 'query.jwt'],
    ['code', 'fragment.jwt'],
    ['code', 'jwt'],
    ['code', ''],
    ['code token', 'form_post.jwt'],
    ['code id_token token', 'fragment.jwt'],
    ['code id_token token', 'jwt'],
  ]) {
    it(`takes a JWT for ${type} by "${mode}"`, () => signsIn({
      client: 'jarm-ES256', response_type: type, response_mode: mode,
    }));
  }

  it('takes a no that is signed', async () => {
    const request = { client: 'jarm-PS256', response_type: 'code', response_mode: 'query.jwt' };
    await fails(world.signIn(request, { deny: true }), DENIED({ error: 'access_denied' }));
  });
});
