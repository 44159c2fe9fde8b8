// Client assertions (RFC 7523) as a provider sees them that looks closely, or that is not the right one.
import assert from 'node:assert/strict';
import { verify } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually, scratchFolder } from './harness/child.mjs';
import { MISCONFIGURED, REJECTED, RELOGIN, fails } from './harness/expect.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { newKeyPair } from '../providers/key_pair.mjs';

const folder = scratchFolder();

function key(keyId) {
  const { privateKey, publicKey } = newKeyPair('ec', { namedCurve: 'P-256' });
  const file = join(folder, `${keyId}.pem`);
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return { publicKey, config: { private_key: { file }, algorithm: 'ES256', key_id: keyId } };
}

const KEYS = { new: key('new'), old: key('old') };

// Returns {header, claims} of a request's assertion, whose signature is checked.
function assertionOf({ form, headers }) {
  assert.equal(form.client_assertion_type, 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
  assert.equal(headers.authorization, undefined, 'one way of authentication');
  assert.equal(form.client_secret, undefined, 'one way of authentication');
  const [header, claims, signature] = form.client_assertion.split('.');
  const read = (part) => JSON.parse(Buffer.from(part, 'base64url').toString());
  const { publicKey } = KEYS[read(header).kid];
  const signed = verify('sha256', `${header}.${claims}`, { key: publicKey, dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'));
  assert.ok(signed, 'the signature verifies');
  return { header: read(header), claims: read(claims) };
}

function assertClaims(claims, audience) {
  assert.equal(claims.iss, 'broker');
  assert.equal(claims.sub, 'broker');
  assert.equal(claims.aud, audience, 'one string, not a list');
  assert.match(claims.jti, /^[\w-]{20,}$/);
  assert.ok(Math.abs(claims.iat - Date.now() / 1000) < 30);
  assert.ok(claims.exp > claims.iat && claims.exp - claims.iat <= 300, 'short-lived');
}

describe('client assertions', () => {
  let world;
  before(async () => {
    world = await HostileWorld.start({
      size: 12,
      client: {
        authentication: { private_key_jwt: { keys: [KEYS.new.config, KEYS.old.config] } },
        refresh: { floor: '0s' },
      },
    });
  });
  after(() => world?.stop());

  const methods = (...list) => ({ json: (body) => ({ ...body, token_endpoint_auth_methods_supported: list }) });

  // A tenant that offers private_key_jwt and takes these keys.
  function newCase(accepted = ['new', 'old'], settings = {}) {
    const authenticates = (request) => accepted.includes(assertionOf(request).header.kid);
    const signIn = world.newCase({ authenticates, ...settings });
    signIn.op.always('discovery', methods('private_key_jwt'));
    return signIn;
  }

  async function refreshed(signIn) {
    const { access_token: token } = await signIn.token();
    return signIn.token({ rejected_access_token: token });
  }

  it('tok-private-key-jwt: for the issuer alone, short, and a new one for every request', async () => {
    const signIn = newCase();
    await signIn.run('code');
    await refreshed(signIn);
    await signIn.rpc.RevokeGrant({ grant_id: signIn.grantId });
    const requests = [...signIn.op.requests('token'), ...signIn.op.requests('revocation')];
    assert.ok(signIn.count('token') === 2 && signIn.count('revocation') >= 1);
    for (const request of requests) {
      const { header, claims } = assertionOf(request);
      assert.deepEqual([header.alg, header.kid], ['ES256', 'new']);
      assertClaims(claims, signIn.op.issuer);
      assert.equal(request.form.client_id, 'broker');
    }
    assert.equal(new Set(requests.map((request) => assertionOf(request).claims.jti)).size, requests.length);
  });

  it('tok-invalid-client: the next key is tried for a refresh', async () => {
    const accepted = ['new'];
    const signIn = newCase(accepted);
    await signIn.run('code');
    accepted.splice(0, 1, 'old'); // the provider is configured with the old key again
    await refreshed(signIn);
    const assertions = signIn.op.requests('token').map(assertionOf);
    assert.deepEqual(assertions.map(({ header }) => header.kid), ['new', 'new', 'old']);
    assert.equal(new Set(assertions.map(({ claims }) => claims.jti)).size, 3, 'another assertion for every attempt');
  });

  it('tok-invalid-client/code: no other key and no other method is tried', async () => {
    const signIn = newCase(['old']);
    await fails(signIn.run('code'), REJECTED);
    assert.equal(signIn.count('token'), 1);
    assert.deepEqual(await signIn.grants(), []);
  });

  it('ref-invalid-client: every key once, and the grant stays', async () => {
    const accepted = ['new'];
    const signIn = newCase(accepted);
    await signIn.run('code');
    accepted.length = 0;
    await fails(refreshed(signIn), REJECTED);
    assert.equal(signIn.count('token'), 3);
    accepted.push('old');
    // R12: the provider is not asked again at once.
    await eventually(() => refreshed(signIn), 'a refresh that works', 15000);
    assert.equal((await signIn.grants())[0].state, 'GRANT_STATE_ACTIVE');
  });

  it('rev-invalid-client: the grant is gone here', async () => {
    const accepted = ['new'];
    const signIn = newCase(accepted);
    await signIn.run('code');
    accepted.length = 0;
    const { revoked_at_provider: revoked } = await signIn.rpc.RevokeGrant({ grant_id: signIn.grantId });
    assert.equal(revoked, false);
    await fails(signIn.token(), RELOGIN);
  });

  it('disc-token-endpoint-of-other-op: what the other one gets is of no use to it', async () => {
    const other = world.newCase({ authenticates: () => true });
    const signIn = newCase();
    signIn.op.tweaks.delete('discovery');
    signIn.op.always('discovery', {
      json: (body) => ({
        ...body,
        token_endpoint: `${other.op.issuer}/token`,
        token_endpoint_auth_methods_supported: ['private_key_jwt'],
      }),
    });
    await assert.rejects(signIn.run('code')); // the other provider does not know the code
    assert.equal(signIn.count('token'), 0);
    const [request] = other.op.requests('token');
    assertClaims(assertionOf(request).claims, signIn.op.issuer);
  });

  it('disc-auth-method-default: without a list there is client_secret_basic alone', async () => {
    const signIn = newCase();
    signIn.op.tweaks.delete('discovery');
    signIn.op.always('discovery', { json: ({ token_endpoint_auth_methods_supported: _, ...body }) => body });
    const facts = {
      method: 'private_key_jwt',
      supported: 'client_secret_basic',
      member: 'token_endpoint_auth_methods_supported',
    };
    await fails(signIn.run('code'), { ...MISCONFIGURED, facts });
    assert.equal(signIn.count('token'), 0);
  });

  it('disc-auth-alg-not-offered: nothing is sent', async () => {
    const signIn = newCase();
    signIn.op.tweaks.delete('discovery');
    signIn.op.always('discovery', {
      json: (body) => ({
        ...body,
        token_endpoint_auth_methods_supported: ['private_key_jwt'],
        token_endpoint_auth_signing_alg_values_supported: ['RS256', 'PS256'],
      }),
    });
    const facts = { method: 'private_key_jwt', algorithm: 'ES256', supported: 'RS256 PS256' };
    await fails(signIn.run('code'), { ...MISCONFIGURED, facts });
    assert.equal(signIn.count('token'), 0);
  });
});

describe('client assertions for a provider that insists on its token endpoint', () => {
  let world;
  before(async () => {
    world = await HostileWorld.start({
      size: 1,
      provider: { client_assertion_audience: 'token_endpoint' },
      client: { authentication: { private_key_jwt: { keys: [KEYS.new.config] } } },
    });
  });
  after(() => world?.stop());

  it('are for the URL of the token endpoint, at every endpoint', async () => {
    const signIn = world.newCase({ authenticates: () => true });
    signIn.op.always('discovery', {
      json: (body) => ({ ...body, token_endpoint_auth_methods_supported: ['private_key_jwt'] }),
    });
    await signIn.run('code');
    await signIn.rpc.RevokeGrant({ grant_id: signIn.grantId });
    for (const endpoint of ['token', 'revocation']) {
      const [request] = signIn.op.requests(endpoint);
      assertClaims(assertionOf(request).claims, `${signIn.op.issuer}/token`);
    }
  });
});
