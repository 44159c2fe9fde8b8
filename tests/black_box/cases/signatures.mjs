// Signatures, JOSE headers and keys of ID tokens.
import { createPublicKey } from 'node:crypto';
import { base64url } from '../../providers/hostile/jwt.mjs';
import { publicJwk, rsaKey, signingKey } from '../../providers/hostile/keys.mjs';

const header = (members) => (plan) => { plan.header = JSON.parse(JSON.stringify({ ...plan.header, ...members })); };
const flip = (bytes) => Buffer.from(bytes.map((byte) => byte ^ 0x5a));
const signature = (make) => (plan) => { plan.signature = make; };
const compact = (make) => (plan) => { plan.compact = make; };
const stranger = (plan) => { plan.key = signingKey(plan.alg, 'stranger'); };
const both = (...steps) => (plan) => steps.forEach((step) => step(plan));

const BAD = 'SIGNATURE_INVALID';
const MALFORMED = 'JWT_MALFORMED';
const ALGORITHM = 'ALGORITHM_NOT_ALLOWED';
const KEY = 'KEY_NOT_FOUND';
const TYPE = 'JWT_TYPE_MISMATCH';
const CRIT = 'CRITICAL_HEADER_UNKNOWN';

function replacePayload(token) {
  const [head, body, sig] = token.split('.');
  const claims = JSON.parse(Buffer.from(body, 'base64url'));
  return `${head}.${base64url(JSON.stringify({ ...claims, sub: 'victim' }))}.${sig}`;
}

function replaceHeader(token) {
  const [head, body, sig] = token.split('.');
  const members = JSON.parse(Buffer.from(head, 'base64url'));
  return `${base64url(JSON.stringify({ ...members, x: 1 }))}.${body}.${sig}`;
}

const unsigned = (keep, kid) => (plan) => {
  plan.header = { alg: 'none', ...(kid && { kid: plan.header.kid }) };
  if (!keep) plan.signature = () => Buffer.alloc(0);
};

const hmac = (key) => (plan) => {
  Object.assign(plan, { alg: 'HS256', key: key(plan), header: { ...plan.header, alg: 'HS256' } });
};
const publicPem = (plan) => createPublicKey(plan.key).export({ type: 'spki', format: 'pem' });

const SIGNATURES = [
  ...['RS256', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'].map((alg) => ({
    id: `sig-ok/${alg}`, settings: { alg }, idToken: () => {},
  })),
  { id: 'sig-eddsa/Ed25519', settings: { alg: 'EdDSA' }, idToken: header({ alg: 'Ed25519' }), jwks: (jwk) => [{ ...jwk, alg: undefined }] },
  { id: 'sig-bitflip-rs256', reason: BAD, idToken: signature(flip) },
  { id: 'sig-bitflip-es256', settings: { alg: 'ES256' }, reason: BAD, idToken: signature(flip) },
  { id: 'sig-bitflip-eddsa', settings: { alg: 'EdDSA' }, reason: BAD, idToken: signature(flip) },
  { id: 'sig-stranger', reason: BAD, idToken: stranger },
  { id: 'sig-payload-or-header-tampered/payload', reason: BAD, idToken: compact(replacePayload) },
  { id: 'sig-payload-or-header-tampered/header', reason: BAD, idToken: compact(replaceHeader) },
  { id: 'sig-payload-or-header-tampered/empty', reason: [BAD, MALFORMED], idToken: signature(() => Buffer.alloc(0)) },
  { id: 'alg-none/empty-with-kid', reason: [ALGORITHM, MALFORMED], idToken: unsigned(false, true) },
  { id: 'alg-none/empty', reason: [ALGORITHM, MALFORMED], idToken: unsigned(false, false) },
  { id: 'alg-none/kept', reason: [ALGORITHM, MALFORMED], idToken: unsigned(true, true) },
  ...Object.entries({ absent: undefined, null: null, number: 1, array: ['RS256'], nul: 'RS256\0', case: 'rs256' }).map(
    ([kind, alg]) => ({ id: `alg-missing-or-type/${kind}`, reason: [ALGORITHM, MALFORMED], idToken: header({ alg }) }),
  ),
  { id: 'alg-same-family', reason: [KEY, ALGORITHM], idToken: (plan) => { plan.alg = 'RS512'; plan.header.alg = 'RS512'; } },
  { id: 'alg-hs-empty-key', reason: ALGORITHM, idToken: hmac(() => '') },
  { id: 'alg-hs-public-key', reason: ALGORITHM, idToken: hmac(publicPem) },
  { id: 'idt-hash-unknown-alg', reason: ALGORITHM, idToken: header({ alg: 'ES256K' }) },
  { id: 'es256-zero', settings: { alg: 'ES256' }, reason: BAD, idToken: signature(() => Buffer.alloc(64)) },
  { id: 'es256-der', settings: { alg: 'ES256' }, reason: BAD, idToken: signature((s) => Buffer.concat([Buffer.of(0x30, 0x44), s])) },
  { id: 'rsa-sig-length/4', reason: BAD, idToken: signature((s) => s.subarray(0, 4)) },
  { id: 'rsa-sig-length/n-1', reason: BAD, idToken: signature((s) => s.subarray(0, -1)) },
  { id: 'rsa-sig-length/n+1', reason: BAD, idToken: signature((s) => Buffer.concat([s, Buffer.alloc(1)])) },
  { id: 'rsa-sig-length/leading-zero', reason: BAD, idToken: signature((s) => Buffer.concat([Buffer.alloc(1), s])) },
];

const embedded = (plan) => ({ jwk: publicJwk(signingKey(plan.alg, 'stranger')) });

const HEADERS = [
  { id: 'hdr-jwk-embedded/with-kid', reason: [BAD, MALFORMED], idToken: both(stranger, (plan) => header(embedded(plan))(plan)) },
  { id: 'hdr-jwk-embedded/no-kid', reason: [BAD, KEY, MALFORMED], idToken: both(stranger, (plan) => header({ ...embedded(plan), kid: undefined })(plan)) },
  { id: 'hdr-jku', reason: [BAD, MALFORMED], idToken: both(stranger, header({ jku: 'http://127.0.0.1:1/keys' })) },
  { id: 'hdr-x5c', reason: [BAD, MALFORMED], idToken: both(stranger, header({ x5c: ['MIIB'] })) },
  { id: 'hdr-crit-unknown', reason: CRIT, idToken: header({ crit: ['x'], x: 1 }) },
  { id: 'hdr-crit-empty', reason: [CRIT, MALFORMED], idToken: header({ crit: [] }) },
  { id: 'hdr-b64-false/crit', reason: [CRIT, MALFORMED], idToken: header({ b64: false, crit: ['b64'] }) },
  { id: 'hdr-b64-false/no-crit', reason: [CRIT, MALFORMED], idToken: header({ b64: false }) },
  ...['JWT', 'jwt', 'application/jwt'].map((typ) => ({ id: `hdr-typ/${typ}`, idToken: header({ typ }) })),
  ...['at+jwt', 'application/at+jwt', 'logout+jwt', 'secevent+jwt', 'dpop+jwt'].map((typ) => ({
    id: typ === 'at+jwt' ? 'idt-access-token-as-idtoken' : `hdr-typ/${typ}`,
    reason: TYPE,
    idToken: header({ typ }),
  })),
  { id: 'jws-shape/two-parts', reason: MALFORMED, idToken: compact((t) => t.split('.').slice(0, 2).join('.')) },
  { id: 'jws-shape/four-parts', reason: MALFORMED, idToken: compact((t) => `${t}.x`) },
  { id: 'jws-shape/five-parts', reason: [MALFORMED, ALGORITHM, 'DECRYPTION_FAILED'], idToken: compact((t) => `${t}.x.y`) },
  { id: 'jws-shape/padding', reason: MALFORMED, idToken: compact((t) => `${t}=`) },
  { id: 'jws-shape/newline', reason: [MALFORMED, 'CALLBACK_MALFORMED', 'MEMBER_MALFORMED'], idToken: compact((t) => `${t}\n`) },
  { id: 'jws-shape/leading-space', reason: MALFORMED, idToken: compact((t) => ` ${t}`) },
  {
    id: 'jws-json-serialisation',
    reason: MALFORMED,
    idToken: compact((t) => {
      const [head, body, sig] = t.split('.');
      return JSON.stringify({ protected: head, payload: body, signature: sig });
    }),
  },
  { id: 'hdr-duplicate-alg', reason: MALFORMED, idToken: (plan) => { plan.headerText = `{"alg":"none",${JSON.stringify(plan.header).slice(1)}`; } },
];

// `jwks(jwk, key)` makes the key set of the provider from the public key that it signs with.
const decoy = (alg, members) => publicJwk(signingKey(alg, 'stranger'), members);

const KEYS = [
  { id: 'kid-absent-single', idToken: header({ kid: undefined }) },
  { id: 'kid-absent-multiple', idToken: header({ kid: undefined }), jwks: (jwk) => [decoy('RS256'), decoy('ES256'), decoy('EdDSA'), jwk] },
  { id: 'kid-unknown', reason: KEY, idToken: header({ kid: 'nobody' }) },
  { id: 'kid-type', reason: [KEY, MALFORMED], idToken: header({ kid: 7 }) },
  { id: 'jwk-use-enc', reason: KEY, jwks: (jwk) => [{ ...jwk, use: 'enc' }] },
  { id: 'jwk-key-ops', reason: KEY, jwks: (jwk) => [{ ...jwk, use: undefined, key_ops: ['encrypt'] }] },
  { id: 'jwk-alg-mismatch', reason: KEY, jwks: (jwk) => [{ ...jwk, alg: 'PS256' }] },
  { id: 'jwk-weak-rsa/1024', reason: [KEY, BAD], idToken: (plan) => { plan.key = rsaKey(1024); }, jwks: (jwk) => [publicJwk(rsaKey(1024), { kid: jwk.kid })] },
  { id: 'jwk-weak-rsa/e-is-1', reason: [KEY, BAD], jwks: (jwk) => [{ ...jwk, e: 'AQ' }] },
  { id: 'jwk-weak-rsa/e-is-even', reason: [KEY, BAD], jwks: (jwk) => [{ ...jwk, e: 'AQAC' }] },
  { id: 'jwks-one-bad-key', jwks: (jwk) => [{ kty: 'RSA', kid: 'x', n: '!!', e: 'AQAB' }, jwk] },
  {
    id: 'jwks-decoys',
    jwks: (jwk) => [
      { kty: 'XYZ', kid: jwk.kid },
      { kty: 'EC', crv: 'secp256k1', kid: 'k', x: jwk.n.slice(0, 43), y: jwk.n.slice(43, 86) },
      { kty: 'AKP', alg: 'ML-DSA-44', kid: 'pq', pub: jwk.n },
      decoy('RS256', { kid: jwk.kid, use: 'enc' }),
      { kty: 'RSA', kid: 'x5c-only', x5c: ['MIIB'] },
      jwk,
    ],
  },
  {
    id: 'jwks-same-kid-decoys',
    jwks: (jwk) => [decoy('EdDSA', { kid: jwk.kid }), decoy('ES256', { kid: jwk.kid }), decoy('RS256', { kid: jwk.kid, alg: 'PS256' }), jwk],
  },
  { id: 'jwks-empty', reason: KEY, jwks: () => [] },
];

export const SIGNATURE_CASES = [...SIGNATURES, ...HEADERS, ...KEYS];
