// Tokens that are signed with the client's secret, and tokens that are encrypted.
import assert from 'node:assert/strict';
import { createPublicKey, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { encrypt } from '../providers/hostile/jwe.mjs';
import { signingKey } from '../providers/hostile/keys.mjs';
import { scratchFolder } from './harness/child.mjs';
import { ARG, RELOGIN, fails } from './harness/expect.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { describeIdTokenCases } from './harness/id_token_cases.mjs';
import { newKeyPair } from '../providers/key_pair.mjs';

const BAD = 'SIGNATURE_INVALID';
const MALFORMED = 'JWT_MALFORMED';
const ALGORITHM = 'ALGORITHM_NOT_ALLOWED';
const KEY = 'KEY_NOT_FOUND';
const FAILED = 'DECRYPTION_FAILED';

// --- shared secrets ---

const hmac = (alg, key) => (plan) => Object.assign(plan, { alg, key, header: { ...plan.header, alg } });
const bySecret = (plan, op) => hmac('HS256', op.clientSecret)(plan);
const hs256 = (id, rest = {}) => ({ id: `alg-hs-${id}`, settings: { protect: bySecret }, ...rest });

describeIdTokenCases('ID tokens signed with the client secret', [
  hs256('ok', { idToken: () => {} }),
  hs256('no-kid', { idToken: (plan) => { delete plan.header.kid; } }),
  hs256('wrong-secret', { reason: BAD, idToken: (plan) => { plan.key = randomBytes(64); } }),
  hs256('empty-key', { reason: BAD, idToken: (plan) => { plan.key = ''; } }),
  hs256('empty-key/oct-in-jwks', {
    reason: BAD,
    idToken: (plan) => { plan.key = ''; },
    jwks: (jwk) => [{ kty: 'oct', kid: jwk.kid, k: '', alg: 'HS256' }, jwk],
  }),
  hs256('public-key/PEM', {
    reason: BAD,
    idToken: (plan) => { plan.key = createPublicKey(signingKey('RS256')).export({ type: 'spki', format: 'pem' }); },
  }),
  hs256('public-key/modulus', {
    reason: BAD,
    idToken: (plan) => { plan.key = Buffer.from(createPublicKey(signingKey('RS256')).export({ format: 'jwk' }).n, 'base64url'); },
  }),
  hs256('truncated', { reason: BAD, idToken: (plan) => { plan.signature = (bytes) => bytes.subarray(0, 16); } }),
  hs256('no-signature', { reason: [BAD, MALFORMED], idToken: (plan) => { plan.signature = () => Buffer.alloc(0); } }),
  hs256('pinned/RS256', {
    reason: ALGORITHM,
    idToken: (plan) => Object.assign(plan, { alg: 'RS256', key: signingKey('RS256'), header: { ...plan.header, alg: 'RS256' } }),
  }),
  hs256('pinned/HS512', { reason: ALGORITHM, idToken: (plan) => hmac('HS512', plan.key)(plan) }),
  hs256('pinned/none', { reason: ALGORITHM, idToken: (plan) => { plan.header.alg = 'none'; plan.signature = () => Buffer.alloc(0); } }),
], { client: { id_token_signed_response_alg: 'HS256' } });

describeIdTokenCases('the algorithm that a client is registered for', [
  { id: 'alg-pinned-per-client/the-one', settings: { alg: 'ES256' }, idToken: () => {} },
  { id: 'alg-pinned-per-client/another', settings: { alg: 'RS256' }, reason: ALGORITHM, idToken: () => {} },
  { id: 'alg-pinned-per-client/HS256', settings: { alg: 'ES256' }, reason: ALGORITHM, idToken: (plan) => hmac('HS256', 'x'.repeat(64))(plan) },
], { client: { id_token_signed_response_alg: 'ES256' } });

describe('every length of shared secret', () => {
  for (const size of [256, 384, 512]) {
    it(`alg-hs-ok/HS${size}: sign-in, refresh and logout token, with hashes of that size`, async () => {
      const world = await HostileWorld.start({ size: 2, client: { id_token_signed_response_alg: `HS${size}` } });
      const protect = (plan, op) => hmac(`HS${size}`, op.clientSecret)(plan);
      try {
        const at = world.newCase({ alg: `RS${size}`, protect, claims: { sid: 's-1' } });
        await at.run('code id_token token');
        const { access_token: rejected } = await at.token();
        await at.token({ rejected_access_token: rejected });
        const token = at.op.logoutToken({ sid: 's-1' });
        assert.equal((await at.rpc.SubmitLogoutToken({ client: at.client, logout_token: token })).ended_grants, 1);

        const otherHash = world.newCase({ alg: size === 256 ? 'RS512' : 'RS256', protect });
        const call = otherHash.run('code').then(() => assert.fail('accepted'), (error) => error.facts.check);
        assert.equal(await call, 'AT_HASH_MISMATCH');
      } finally {
        await world.stop();
      }
    });
  }
});

// --- encryption ---

const rsa = newKeyPair('rsa', { modulusLength: 2048 });
const elliptic = newKeyPair('ec', { namedCurve: 'P-256' });
const stranger = newKeyPair('rsa', { modulusLength: 2048 });

const folder = scratchFolder();
const keyFile = (name, { privateKey }) => {
  const file = join(folder, `${name}.pem`);
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  return { file };
};
const ENCRYPTION = {
  keys: [
    { private_key: keyFile('rsa', rsa), algorithm: 'RSA-OAEP-256', key_id: 'rsa' },
    { private_key: keyFile('rsa', rsa), algorithm: 'RSA-OAEP', key_id: 'rsa-sha1' },
    { private_key: keyFile('ec', elliptic), algorithm: 'ECDH-ES', key_id: 'ec' },
  ],
};

const TO_RSA = { key: rsa.publicKey, alg: 'RSA-OAEP-256', enc: 'A256GCM', kid: 'rsa' };
const TO_EC = { key: elliptic.publicKey, alg: 'ECDH-ES', enc: 'A128CBC-HS256', kid: 'ec' };
const sealed = (recipient) => (plan) => { plan.compact = (token) => encrypt(token, recipient); };
const jwe = (id, recipient, reason) => ({
  id: `jwe-${id}`,
  settings: { protect: sealed(TO_RSA) },
  idToken: recipient ? sealed(recipient) : () => {},
  ...(reason && { reason }),
});
const changed = (changes) => ({ ...TO_RSA, ...changes });

describeIdTokenCases('encrypted ID tokens', [
  ...['A128GCM', 'A256GCM', 'A128CBC-HS256', 'A256CBC-HS512'].flatMap((enc) => [
    jwe(`happy/RSA-OAEP-256, ${enc}`, changed({ enc })),
    jwe(`happy/RSA-OAEP, ${enc}`, changed({ alg: 'RSA-OAEP', enc, kid: 'rsa-sha1' })),
    jwe(`happy/ECDH-ES, ${enc}`, { ...TO_EC, enc }),
  ]),
  jwe('happy/no-kid', changed({ kid: undefined })),
  { ...jwe('expected-but-plain'), idToken: (plan) => { delete plan.compact; }, reason: MALFORMED },
  jwe('rsa15', changed({ header: { alg: 'RSA1_5' } }), ALGORITHM),
  jwe('other-alg/dir', changed({ header: { alg: 'dir' }, encryptedKey: () => Buffer.alloc(0) }), ALGORITHM),
  jwe('other-alg/none', changed({ header: { alg: 'none' } }), [ALGORITHM, MALFORMED]),
  jwe('other-alg/key-of-another', changed({ header: { alg: 'RSA-OAEP' } }), KEY),
  jwe('other-enc', changed({ header: { enc: 'A256' } }), ALGORITHM),
  jwe('kid-unknown', changed({ kid: 'nobody' }), KEY),
  jwe('zip-bomb', changed({ header: { zip: 'DEF' } }), ALGORITHM),
  jwe('crit', changed({ header: { crit: ['x'], x: 1 } }), 'CRITICAL_HEADER_UNKNOWN'),
  jwe('cek-edge/short', changed({ contentKey: randomBytes(16) }), FAILED),
  jwe('cek-edge/long', changed({ contentKey: randomBytes(64) }), FAILED),
  jwe('cek-edge/zeros', changed({ contentKey: Buffer.alloc(32) }), FAILED),
  jwe('cek-edge/empty', changed({ contentKey: Buffer.alloc(0) }), FAILED),
  jwe('cek-edge/random-bytes', changed({ encryptedKey: (bytes) => randomBytes(bytes.length) }), FAILED),
  jwe('cek-edge/too-many-bytes', changed({ encryptedKey: (bytes) => Buffer.concat([bytes, bytes]) }), FAILED),
  jwe('cek-edge/none', changed({ encryptedKey: () => Buffer.alloc(0) }), [FAILED, MALFORMED]),
  jwe('for-another', changed({ key: stranger.publicKey }), FAILED),
  jwe('tag/flipped', changed({ tag: (bytes) => Buffer.from(bytes.map((b) => b ^ 1)) }), FAILED),
  jwe('tag/short', changed({ tag: (bytes) => bytes.subarray(0, 8) }), FAILED),
  jwe('epk/another-curve', { ...TO_EC, header: { epk: newKeyPair('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' }) } }, [FAILED, MALFORMED]),
  jwe('epk/off-the-curve', { ...TO_EC, header: { epk: { kty: 'EC', crv: 'P-256', x: 'AQ'.padEnd(43, 'A'), y: 'AQ'.padEnd(43, 'A') } } }, [FAILED, MALFORMED]),
  jwe('epk/missing', { ...TO_EC, header: { epk: undefined } }, MALFORMED),
  // What is inside proves who wrote it: anybody can encrypt.
  { ...jwe('inner-unsigned'), idToken: (plan) => { plan.compact = (token) => encrypt(Buffer.from(token.split('.')[1], 'base64url').toString(), TO_RSA); }, reason: MALFORMED },
  { ...jwe('inner-none'), idToken: (plan) => { plan.header.alg = 'none'; plan.signature = () => Buffer.alloc(0); }, reason: [ALGORITHM, MALFORMED] },
  { ...jwe('inner-by-stranger'), idToken: (plan) => { plan.key = signingKey('RS256', 'stranger'); }, reason: BAD },
  { ...jwe('inner-encrypted-again'), idToken: (plan) => { plan.compact = (token) => encrypt(encrypt(token, TO_RSA), TO_RSA); }, reason: MALFORMED },
  { ...jwe('inner-claims'), idToken: (plan) => { plan.claims.nonce = 'another'; }, reason: 'NONCE_MISMATCH' },
], { client: { id_token_encryption: ENCRYPTION } });

describeIdTokenCases('encrypted ID tokens where none was agreed on', [
  { id: 'jwe-not-agreed', idToken: sealed(TO_RSA), reason: MALFORMED },
]);

describe('encrypted tokens besides', () => {
  let world;
  before(async () => { world = await HostileWorld.start({ size: 3, client: { id_token_encryption: ENCRYPTION } }); });
  after(() => world?.stop());

  it('jwe-refresh: a refreshed one is decrypted too, and the hint at logout is what was inside', async () => {
    const inside = [];
    const protect = (plan) => { plan.compact = (token) => { inside.push(token); return encrypt(token, TO_EC); }; };
    const at = world.newCase({ protect });
    await at.run('code id_token');
    const hint = async () => new URL((await at.rpc.CreateLogoutUrl({ grant_id: at.grantId })).logout_url).searchParams.get('id_token_hint');
    assert.equal(await hint(), inside.at(-1));
    const { access_token: rejected } = await at.token();
    await at.token({ rejected_access_token: rejected });
    assert.equal(inside.length, 3);
    assert.equal(await hint(), inside.at(-1));
    for (const token of inside) at.op.secret(token);
  });

  it('jwe-logout-token: encrypted like an ID token, or refused', async () => {
    const at = world.newCase({ protect: sealed(TO_RSA), claims: { sid: 's-1' } });
    await at.run('code');
    const submit = (token) => at.rpc.SubmitLogoutToken({ client: at.client, logout_token: token });
    await fails(submit(at.op.logoutToken({ sid: 's-1' }, (plan) => { delete plan.compact; })), ARG(MALFORMED));
    assert.equal((await submit(at.op.logoutToken({ sid: 's-1' }))).ended_grants, 1);
    await fails(at.token(), RELOGIN);
  });

  it('jwe-refresh/plain: the answer is not released, the rotated refresh token is kept', async () => {
    const at = world.newCase({ protect: sealed(TO_RSA) });
    await at.run('code');
    at.op.next('token', { idToken: (plan) => { delete plan.compact; } });
    const { access_token: rejected } = await at.token();
    await at.token({ rejected_access_token: rejected }).then(() => assert.fail('accepted'), (error) => {
      assert.equal(error.facts.check, MALFORMED);
    });
    const { access_token: next } = await at.token({ rejected_access_token: rejected });
    assert.notEqual(next, rejected);
  });
});
