// Clients with `profile: fapi2` (FAPI 2.0 Security Profile): at oidc-provider, which holds them to it, and at
// one that does what a provider of the profile never does.
import assert from 'node:assert/strict';
import { createHash, verify, X509Certificate } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { baseConfig, runBroker } from './harness/broker.mjs';
import { Authority } from './harness/certificates.mjs';
import { ARG, MISCONFIGURED, PROTO, STATE_UNKNOWN, UP, fails } from './harness/expect.mjs';
import { HostileWorld, clientConfig, providerConfig } from './harness/hostile_world.mjs';
import { keyFile } from './harness/key_file.mjs';
import { RealWorld } from './harness/real_world.mjs';
import { plain } from './harness/rpc.mjs';
import { publicJwk, signingKey } from '../providers/hostile/keys.mjs';
import { newKeyPair } from '../providers/key_pair.mjs';

const authority = new Authority();
const server = authority.issue('IP:127.0.0.1');
const tls = { cert: server.cert, key: server.key };

const KEY_TYPES = {
  PS256: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
  EdDSA: ['ed25519', {}],
};

// A key pair that a client authenticates with: as the broker is configured, and as a JWK.
function clientKey(alg) {
  const { privateKey, publicKey } = newKeyPair(...KEY_TYPES[alg]);
  return {
    publicKey,
    config: { private_key_jwt: { keys: [{ private_key: { file: keyFile(privateKey) }, algorithm: alg, key_id: alg }] } },
    jwk: { ...publicKey.export({ format: 'jwk' }), kid: alg, alg, use: 'sig' },
  };
}

const certificateConfig = (method, { certFile, keyFile: key }) => ({
  [method]: { certificates: [{ certificate_file: certFile, private_key_file: key }] },
});
const thumbprintOf = ({ cert }) => createHash('sha256').update(new X509Certificate(cert).raw).digest('base64url');

// The fields that the profile decides on are left out.
const BARE = { profile: 'fapi2', response_types: undefined, expose_front_channel_access_token: undefined };

describe('FAPI 2.0 at oidc-provider', () => {
  let world;
  const RESOURCE = 'https://api.example.org/a'; // its tokens are JWTs
  const named = authority.issue('DNS:fapi2.example.org');
  const own = new Authority().selfSigned();
  const x509 = new X509Certificate(own.cert);
  const CLIENTS = {};
  for (const alg of Object.keys(KEY_TYPES)) {
    const { config, jwk } = clientKey(alg);
    CLIENTS[`fapi2-${alg}`] = {
      method: 'private_key_jwt',
      alg,
      registered: { jwks: { keys: [jwk] }, token_endpoint_auth_signing_alg: alg, dpop_bound_access_tokens: true },
      configured: { ...BARE, authentication: config, dpop: alg === 'ES256' ? undefined : { signing_algorithm: alg } },
    };
  }
  for (const [method, certificate, registered] of [
    ['tls_client_auth', named, { tls_client_auth_san_dns: 'fapi2.example.org' }],
    ['self_signed_tls_client_auth', own, { jwks: { keys: [{ ...x509.publicKey.export({ format: 'jwk' }), use: 'sig', x5c: [x509.raw.toString('base64')] }] } }],
  ]) {
    const configured = { ...BARE, authentication: certificateConfig(method, certificate) };
    const common = { method, alg: 'ES256', registered: { ...registered, tls_client_certificate_bound_access_tokens: true } };
    CLIENTS[`fapi2-${method}`] = { ...common, configured };
    // Its tokens are opaque: oidc-provider does not introspect JWTs.
    CLIENTS[`fapi2-${method}-confirmed`] = { ...common, opaque: true, configured: { ...configured, confirm_access_tokens: true } };
  }
  for (const { registered } of Object.values(CLIENTS)) {
    Object.assign(registered, {
      require_pushed_authorization_requests: true,
      response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token'],
    });
  }

  before(async () => {
    world = await RealWorld.start({
      clients: CLIENTS,
      provider: { ca_file: authority.caFile, allow_loopback_http: undefined },
      flags: ['--tls-cert', server.certFile, '--tls-key', server.keyFile, '--client-ca', authority.caFile],
    });
  });
  after(() => world?.stop());

  const target = () => ({ http_method: 'GET', http_uri: `${world.api}/api/hello` });

  for (const [client, { method, opaque }] of Object.entries(CLIENTS)) {
    const isProven = method === 'private_key_jwt';
    if (opaque) {
      it(`fapi2-real: ${client} has its tokens confirmed, the certificate included`, async () => {
        const { grant: { grant_id } } = await world.signIn({ client, response_type: '' });
        const { access_token: first } = await world.rpc.GetAccessToken({ grant_id });
        assert.equal(first.split('.').length, 1);
        assert.notEqual((await world.rpc.GetAccessToken({ grant_id, rejected_access_token: first })).access_token, first);
      });
      continue;
    }
    it(`fapi2-real: ${client} signs in, refreshes, calls the API and userinfo, and revokes`, async () => {
      const { grant, id_token_claims: claims } = await world.signIn({ client, response_type: '', resources: [RESOURCE] });
      assert.equal(plain(claims).sub, 'alice');
      const { grant_id } = grant;
      const first = await world.rpc.GetAccessToken({ grant_id });
      assert.equal(first.token_type, isProven ? 'DPoP' : 'Bearer');
      const wish = { grant_id, rejected_access_token: first.access_token, ...(isProven && { dpop_proof_for: target() }) };
      const next = await world.rpc.GetAccessToken(wish);
      assert.notEqual(next.access_token, first.access_token);
      const { cnf } = JSON.parse(Buffer.from(next.access_token.split('.')[1], 'base64url'));
      if (isProven) assert.match(cnf.jkt, /^[\w-]{43}$/);
      else assert.equal(cnf['x5t#S256'], thumbprintOf(method === 'tls_client_auth' ? named : own));
      assert.equal((await world.callApi(next.access_token, next.dpop_proof || undefined)).status, 200);
      assert.equal((await world.rpc.RevokeGrant({ grant_id })).revoked_at_provider, true);
    });

    it(`fapi2-real: ${client} has userinfo, with tokens that nobody can look into`, async () => {
      const { grant } = await world.signIn({ client, response_type: 'code' });
      const { claims } = await world.rpc.GetUserInfo({ grant_id: grant.grant_id });
      assert.equal(plain(claims).sub, 'alice');
    });
  }

  it('fapi2-real: other clients of the provider go on as they are', async () => {
    const { grant } = await world.signIn({ client: 'basic', response_type: 'code id_token' });
    assert.equal((await world.rpc.GetAccessToken({ grant_id: grant.grant_id })).token_type, 'Bearer');
  });
});

const payload = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url').toString());

describe('FAPI 2.0 at a provider that is not', () => {
  let world;
  const key = clientKey('ES256');
  before(async () => {
    world = await HostileWorld.start({
      size: 40,
      tls,
      provider: { ca_file: authority.caFile, allow_loopback_http: undefined },
      client: { ...BARE, authentication: key.config, refresh: { floor: '0s' } },
    });
  });
  after(() => world?.stop());

  function authenticates({ form }) {
    const [head, claims, signature] = form.client_assertion.split('.');
    return verify('sha256', `${head}.${claims}`, { key: key.publicKey, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'));
  }
  function newCase({ metadataMembers, ...settings } = {}) {
    return world.newCase({
      alg: 'PS256',
      authenticates,
      metadataMembers: { token_endpoint_auth_methods_supported: ['private_key_jwt'], ...metadataMembers },
      ...settings,
    });
  }

  it('fapi2-happy: everything that the profile has, and a refresh', async () => {
    const signIn = newCase();
    const { issuer } = signIn.op;
    await signIn.run('');
    const { access_token: first } = await signIn.token();
    const next = await signIn.token({ rejected_access_token: first });
    assert.deepEqual([next.token_type, next.access_token === first], ['DPoP', false]);
    const url = new URL(signIn.begun.authorization_url);
    assert.deepEqual([...url.searchParams.keys()].sort(), ['client_id', 'request_uri']);
    const [{ form: pushed }] = signIn.op.requests('par');
    assert.deepEqual([pushed.response_type, pushed.code_challenge_method], ['code', 'S256']);
    assert.match(pushed.dpop_jkt, /^[\w-]{43}$/);
    const requests = [...signIn.op.requests('par'), ...signIn.op.requests('token')];
    const assertions = requests.map(({ form }) => payload(form.client_assertion));
    for (const { aud, iss, exp, iat } of assertions) {
      assert.deepEqual([aud, iss], [issuer, 'broker'], 'the issuer, as a string');
      assert.ok(exp - iat <= 60);
    }
    assert.equal(new Set(assertions.map(({ jti }) => jti)).size, requests.length);
    assert.equal(signIn.op.requests('token').filter(({ form }) => form.code).length, 1);
  });

  it('fapi2-iss: a response without iss is refused, whatever the metadata says', async () => {
    const signIn = newCase({ issParameter: false });
    await fails(signIn.run('code'), ARG('ISSUER_MISSING'));
    assert.equal(signIn.count('token'), 0);
  });

  it('fapi2-iss: another issuer\'s is refused', async () => {
    const signIn = newCase();
    signIn.op.next('authorize', { params: (list) => list.map(([name, value]) => [name, name === 'iss' ? `${value}1` : value]) });
    await fails(signIn.run('code'), ARG('ISSUER_MISMATCH'));
    assert.equal(signIn.count('token'), 0);
  });

  for (const alg of ['RS256', 'RS512', 'PS384', 'ES384', 'ES512', 'Ed448']) {
    it(`fapi2-algorithm: an ID token signed with ${alg} is refused, although the metadata has it`, async () => {
      const signIn = newCase({ alg, metadataMembers: { id_token_signing_alg_values_supported: ['PS256', alg] } });
      await fails(signIn.run('code'), PROTO('ALGORITHM_NOT_ALLOWED'));
      assert.deepEqual(await signIn.grants(), []);
    });
  }

  for (const alg of ['PS256', 'ES256', 'EdDSA']) {
    it(`fapi2-algorithm: one signed with ${alg} is taken`, () => newCase({ alg }).run('code'));
  }

  it('fapi2-algorithm: a refreshed ID token has to keep to it too', async () => {
    const signIn = newCase();
    const rsa = signingKey('RS256');
    signIn.op.jwks.push(publicJwk(rsa, { kid: 'rsa', alg: 'RS256' }));
    await signIn.run('code');
    const { access_token: first } = await signIn.token();
    signIn.op.next('token', { idToken: (plan) => Object.assign(plan, { alg: 'RS256', key: rsa, header: { alg: 'RS256', kid: 'rsa' } }) });
    await fails(signIn.token({ rejected_access_token: first }), PROTO('ALGORITHM_NOT_ALLOWED'));
    await signIn.token({ rejected_access_token: first });
  });

  it('fapi2-bearer: a token that is bound to nothing is refused', async () => {
    const signIn = newCase();
    signIn.op.next('token', { json: (body) => ({ ...body, token_type: 'Bearer' }) });
    await fails(signIn.run('code'), PROTO('TOKEN_TYPE_UNSUPPORTED'));
    assert.deepEqual(await signIn.grants(), []);
  });

  it('fapi2-par: a provider without the endpoint gets no user', async () => {
    const signIn = newCase({ metadataMembers: { pushed_authorization_request_endpoint: undefined } });
    await fails(signIn.begin(''), MISCONFIGURED);
  });

  it('fapi2-authentication: a provider that wants secrets gets none', async () => {
    const signIn = newCase({ metadataMembers: { token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'] } });
    await fails(signIn.begin(''), MISCONFIGURED);
    assert.equal(signIn.count('par'), 0);
  });

  for (const type of ['code id_token', 'code token', 'code id_token token']) {
    it(`fapi2-response-type: ${type} cannot be asked for`, async () => {
      const signIn = newCase();
      await fails(signIn.begin(type), ARG('RESPONSE_TYPE_NOT_ALLOWED'));
      assert.deepEqual(signIn.op.log, []);
    });
  }

  it('fapi2-response-type: a token that comes through the browser all the same is refused', async () => {
    const signIn = newCase();
    signIn.op.next('authorize', { params: (list) => [...list, ['access_token', 'x'.repeat(32)], ['token_type', 'DPoP']] });
    await fails(signIn.run('code'), ARG('RESPONSE_PARAMETERS_MISMATCH'));
    assert.equal(signIn.count('token'), 0);
  });

  it('fapi2-code-once: after an answer that never came the code is not sent again', async () => {
    const signIn = newCase();
    await signIn.begin('');
    const callback = signIn.authorize();
    signIn.op.next('token', { response: (answer) => ({ ...answer, cut: { bytes: 0 } }) });
    await fails(signIn.submit(callback), UP);
    await fails(signIn.submit(callback), STATE_UNKNOWN);
    assert.equal(signIn.count('token'), 1);
  });

  it('fapi2-config: what contradicts it is refused at start, by line and path', async () => {
    const config = baseConfig({
      providers: [providerConfig('https://op.example.org', 'op', { client_assertion_audience: 'token_endpoint' })],
      clients: [clientConfig('op', 'x', { profile: 'fapi2', dpop: { signing_algorithm: 'RS256' } })],
    });
    const { code, output } = await runBroker(config, ['--check']);
    assert.equal(code, 1, output);
    for (const path of ['response_types[1]', 'authentication', 'dpop.signing_algorithm']) {
      assert.match(output, new RegExp(`broker.yaml:\\d+:\\d+: clients\\[0\\].${path.replace(/[[\]]/g, '\\$&')}: contradicts profile: fapi2`));
    }
    assert.match(output, /:\d+:\d+: providers\[0\]\.allow_loopback_http: contradicts profile: fapi2 of clients\[0\], which is for TLS alone; remove it/);
  });
});

describe('tokens that are bound to a certificate', () => {
  let world;
  const certificate = authority.issue('DNS:fapi2.example.org');
  const other = authority.issue('DNS:other.example.org');
  before(async () => {
    world = await HostileWorld.start({
      size: 30,
      tls: { ...tls, ca: authority.ca, requestCert: true, rejectUnauthorized: false },
      provider: { ca_file: authority.caFile, allow_loopback_http: undefined },
      client: { ...BARE, authentication: certificateConfig('tls_client_auth', certificate), refresh: { floor: '0s' } },
    });
  });
  after(() => world?.stop());

  function newCase(settings = {}) {
    const { metadataMembers, ...rest } = settings;
    return world.newCase({
      alg: 'ES256',
      authenticates: ({ form }) => form.client_id === 'broker' && form.client_secret === undefined,
      metadataMembers: {
        token_endpoint_auth_methods_supported: ['tls_client_auth'],
        tls_client_certificate_bound_access_tokens: true,
        ...metadataMembers,
      },
      ...rest,
    });
  }

  // Answers an access token that is a JWT with these claims.
  function asJwt(op, claims) {
    return {
      json: (body) => {
        const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
        const token = op.secret(`${part({ alg: 'ES256', typ: 'at+jwt' })}.${part({ sub: 'user-1', n: body.access_token, ...claims })}.c2lnbmF0dXJl`);
        return { ...body, access_token: token };
      },
      idToken: (plan) => { delete plan.claims.at_hash; },
    };
  }
  const bound = (to) => ({ cnf: { 'x5t#S256': thumbprintOf(to) } });

  it('mtls-bound-happy: a JWT that names our certificate, or a token that nobody can look into', async () => {
    const signIn = newCase();
    signIn.op.next('token', asJwt(signIn.op, bound(certificate)));
    await signIn.run('');
    const { access_token: first, token_type: type } = await signIn.token();
    assert.equal(type, 'Bearer');
    await signIn.token({ rejected_access_token: first });
  });

  for (const [id, claims] of [
    ['another-certificate', bound(other)],
    ['no-cnf', {}],
    ['a-key', { cnf: { jkt: thumbprintOf(certificate) } }],
    ['an-array', { cnf: { 'x5t#S256': [thumbprintOf(certificate)] } }],
  ]) {
    it(`mtls-bound-other/${id}: no grant, and the tokens are revoked`, async () => {
      const signIn = newCase();
      signIn.op.next('token', asJwt(signIn.op, claims));
      await fails(signIn.run(''), PROTO('TOKEN_NOT_BOUND'));
      assert.deepEqual(await signIn.grants(), []);
    });
  }

  it('mtls-bound-refresh: not released, and the rotated refresh token is kept', async () => {
    const signIn = newCase();
    await signIn.run('');
    const { access_token: first } = await signIn.token();
    signIn.op.next('token', asJwt(signIn.op, bound(other)));
    await fails(signIn.token({ rejected_access_token: first }), PROTO('TOKEN_NOT_BOUND'));
    assert.notEqual((await signIn.token({ rejected_access_token: first })).access_token, first);
  });

  it('mtls-bound-not-promised: a provider whose metadata does not promise it gets no user', async () => {
    const signIn = newCase({ metadataMembers: { tls_client_certificate_bound_access_tokens: undefined } });
    await fails(signIn.begin(''), MISCONFIGURED);
  });
});
