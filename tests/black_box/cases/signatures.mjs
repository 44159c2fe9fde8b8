// Signatures, JOSE headers and keys of ID tokens.
import { createPublicKey } from 'node:crypto';
import { base64url } from '../../providers/hostile/jwt.mjs';
import { keyWithLeadingZero, publicJwk, rocaKey, rsaKey, signingKey } from '../../providers/hostile/keys.mjs';
import { selfSigned, thumbprint } from '../harness/certificates.mjs';

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

// The ends of the range of r and s, and what is just outside.
const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const ES256_EDGES = [[0n, '0'], [1n, '1'], [P256_ORDER - 1n, 'n-1'], [P256_ORDER, 'n']].map(
  ([number, name]) => [Buffer.from(number.toString(16).padStart(64, '0'), 'hex'), name],
);

const SIGNATURES = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'].map((alg) => ({
    id: alg.startsWith('PS') ? `sig-ps256/${alg}` : `sig-ok/${alg}`, settings: { alg }, idToken: () => {},
  })),
  { id: 'sig-eddsa/Ed25519', settings: { alg: 'EdDSA' }, idToken: header({ alg: 'Ed25519' }), jwks: (jwk) => [{ ...jwk, alg: undefined }] },
  { id: 'sig-bitflip-rs256', reason: BAD, idToken: signature(flip) },
  { id: 'sig-bitflip-es256', settings: { alg: 'ES256' }, reason: BAD, idToken: signature(flip) },
  { id: 'sig-bitflip-eddsa', settings: { alg: 'EdDSA' }, reason: BAD, idToken: signature(flip) },
  { id: 'sig-stranger', reason: BAD, idToken: stranger },
  { id: 'sig-payload-or-header-tampered/payload', reason: BAD, idToken: compact(replacePayload) },
  { id: 'sig-payload-or-header-tampered/header', reason: BAD, idToken: compact(replaceHeader) },
  { id: 'sig-payload-or-header-tampered/empty', reason: [BAD, MALFORMED], idToken: signature(() => Buffer.alloc(0)) },
  ...['front', 'back'].flatMap((channel) => [
    { id: `alg-none-${channel}/empty-with-kid`, channel, reason: ALGORITHM, idToken: unsigned(false, true) },
    { id: `alg-none-${channel}/empty`, channel, reason: ALGORITHM, idToken: unsigned(false, false) },
    { id: `alg-none-${channel}/kept`, channel, reason: ALGORITHM, idToken: unsigned(true, true) },
    ...['None', 'NONE', 'nOnE'].map((alg) => ({
      id: `alg-none-${channel}/${alg}`, channel, reason: ALGORITHM, idToken: both(unsigned(false, true), header({ alg })),
    })),
  ]),
  ...Object.entries({ absent: undefined, null: null, number: 1, array: ['RS256'], nul: 'RS256\0', case: 'rs256' }).map(
    ([kind, alg]) => ({ id: `alg-missing-or-type/${kind}`, reason: [ALGORITHM, MALFORMED], idToken: header({ alg }) }),
  ),
  { id: 'alg-same-family', reason: [KEY, ALGORITHM], idToken: (plan) => { plan.alg = 'RS512'; plan.header.alg = 'RS512'; } },
  {
    id: 'alg-from-token/another-published-key',
    reason: ALGORITHM,
    idToken: (plan) => Object.assign(plan, { alg: 'ES256', key: signingKey('ES256'), header: { ...plan.header, alg: 'ES256' } }),
    jwks: (jwk) => [jwk, publicJwk(signingKey('ES256'), { kid: jwk.kid })],
  },
  {
    id: 'alg-from-token/the-same-key-as-PS256',
    reason: ALGORITHM,
    idToken: (plan) => Object.assign(plan, { alg: 'PS256', header: { ...plan.header, alg: 'PS256' } }),
    jwks: (jwk) => [{ ...jwk, alg: undefined }],
  },
  { id: 'alg-hs-empty-key', reason: ALGORITHM, idToken: hmac(() => '') },
  { id: 'alg-hs-empty-key/short', reason: ALGORITHM, idToken: hmac(() => 'secret') },
  { id: 'alg-hs-empty-key/oct-in-key-set', reason: ALGORITHM, idToken: hmac(() => ''), jwks: (jwk) => [{ kty: 'oct', k: '', kid: jwk.kid, alg: 'HS256' }, jwk] },
  { id: 'alg-hs-public-key', reason: ALGORITHM, idToken: hmac(publicPem) },
  { id: 'idt-hash-unknown-alg', reason: ALGORITHM, idToken: header({ alg: 'ES256K' }) },
  ...ES256_EDGES.flatMap(([r, rName]) => ES256_EDGES.map(([s, sName]) => ({
    id: `es256-zero/r-is-${rName}-s-is-${sName}`,
    settings: { alg: 'ES256' },
    reason: BAD,
    idToken: signature(() => Buffer.concat([r, s])),
  }))),
  { id: 'es256-der', settings: { alg: 'ES256' }, reason: BAD, idToken: signature((s) => Buffer.concat([Buffer.of(0x30, 0x44), s])) },
  { id: 'rsa-sig-length/4', reason: BAD, idToken: signature((s) => s.subarray(0, 4)) },
  { id: 'rsa-sig-length/n-1', reason: BAD, idToken: signature((s) => s.subarray(0, -1)) },
  { id: 'rsa-sig-length/n+1', reason: BAD, idToken: signature((s) => Buffer.concat([s, Buffer.alloc(1)])) },
  { id: 'rsa-sig-length/leading-zero', reason: BAD, idToken: signature((s) => Buffer.concat([Buffer.alloc(1), s])) },
];

const certificateOf = (name) => selfSigned(signingKey('RS256', name));
const evilCertificate = () => certificateOf('stranger');
const embedded = (plan) => ({ jwk: publicJwk(signingKey(plan.alg, 'stranger')) });

const HEADERS = [
  { id: 'hdr-jwk-embedded/with-kid', reason: [BAD, MALFORMED], idToken: both(stranger, (plan) => header(embedded(plan))(plan)) },
  { id: 'hdr-jwk-embedded/no-kid', reason: [BAD, KEY, MALFORMED], idToken: both(stranger, (plan) => header({ ...embedded(plan), kid: undefined })(plan)) },
  { id: 'hdr-jku', reason: [BAD, MALFORMED], idToken: both(stranger, header({ jku: 'http://127.0.0.1:1/keys' })) },
  { id: 'hdr-jwk-embedded/octets', reason: BAD, idToken: both(stranger, header({ jwk: { kty: 'oct', k: 'AAAA' } })) },
  { id: 'hdr-jwk-embedded/a-URL', reason: BAD, idToken: both(stranger, header({ jwk: 'http://127.0.0.1:1/keys' })) },
  { id: 'hdr-jwk-embedded/beside-the-right-signature', idToken: (plan) => header(embedded(plan))(plan) },
  { id: 'hdr-x5u', reason: [BAD, MALFORMED], idToken: both(stranger, header({ x5u: 'http://127.0.0.1:1/chain' })) },
  { id: 'hdr-x5c', reason: [BAD, MALFORMED], idToken: both(stranger, header({ x5c: ['MIIB'] })) },
  { id: 'hdr-x5c/evil', reason: BAD, idToken: both(stranger, (plan) => header({ x5c: [evilCertificate()] })(plan)) },
  { id: 'hdr-x5c/good-evil', reason: BAD, idToken: both(stranger, (plan) => header({ x5c: [certificateOf('main'), evilCertificate()] })(plan)) },
  { id: 'hdr-x5c/evil-good', reason: BAD, idToken: both(stranger, (plan) => header({ x5c: [evilCertificate(), certificateOf('main')] })(plan)) },
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
  { id: 'jws-shape/trailing-bits', reason: [MALFORMED, BAD], idToken: compact((t) => `${t.slice(0, -1)}${t.endsWith('A') ? 'B' : String.fromCharCode(t.charCodeAt(t.length - 1) + 1)}`) },
  { id: 'jws-shape/standard-alphabet', reason: MALFORMED, idToken: compact((t) => t.replaceAll('-', '+').replaceAll('_', '/')) },
  { id: 'jws-shape/space-inside', reason: MALFORMED, idToken: compact((t) => t.replace('.', '. ')) },
  { id: 'jws-shape/leading-space', reason: MALFORMED, idToken: compact((t) => ` ${t}`) },
  {
    id: 'jws-json-serialisation',
    reason: MALFORMED,
    idToken: compact((t) => {
      const [head, body, sig] = t.split('.');
      return JSON.stringify({ protected: head, payload: body, signature: sig });
    }),
  },
  {
    id: 'jws-json-serialisation/general',
    reason: MALFORMED,
    idToken: compact((t) => {
      const [head, body, sig] = t.split('.');
      return JSON.stringify({ payload: body, signatures: [{ protected: head, signature: sig }] });
    }),
  },
  {
    // Split on the dots, this is a JWS by the right key with another payload (RFC 8725bis, 3.14).
    id: 'jws-json-serialisation/with-a-compact-one-inside',
    reason: MALFORMED,
    idToken: compact((t) => {
      const [head, body, sig] = t.split('.');
      return `{"protected":"${head}","x":".${body}.","payload":"e30","signature":"${sig}"}`;
    }),
  },
  { id: 'hdr-duplicate-alg', reason: MALFORMED, idToken: (plan) => { plan.headerText = `{"alg":"none",${JSON.stringify(plan.header).slice(1)}`; } },
];

// A coordinate as a careless encoder writes it, without its leading zeros (RFC 7518, 6.2.1.2 forbids that).
function strippedOfZeros(jwk) {
  const strip = (text) => Buffer.from(text, 'base64url').toString('hex').replace(/^(00)+/, '');
  return { ...jwk, x: Buffer.from(strip(jwk.x), 'hex').toString('base64url') };
}

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
  {
    id: 'kid-absent-multiple/four-families',
    bothTokens: true,
    idToken: header({ kid: undefined }),
    jwks: (jwk) => [
      ...['a', 'b'].map((name) => publicJwk(signingKey('RS256', name))),
      ...['a', 'b', 'c'].map((name) => publicJwk(signingKey('ES256', name))),
      ...['a', 'b', 'c'].map(() => ({ kty: 'EC', crv: 'secp256k1', x: jwk.n.slice(0, 43), y: jwk.n.slice(43, 86) })),
      ...['a', 'b', 'c'].map((name) => publicJwk(signingKey('EdDSA', name))),
      { ...jwk, kid: undefined },
    ],
  },
  { id: 'jwk-alg-mismatch/unknown', settings: { alg: 'ES256' }, reason: KEY, jwks: (jwk) => [{ ...jwk, alg: 'ES224' }] },
  { id: 'jwk-alg-mismatch/misspelt', settings: { alg: 'ES512' }, reason: KEY, jwks: (jwk) => [{ ...jwk, alg: 'ES521' }] },
  { id: 'jwk-alg-mismatch/type', reason: KEY, jwks: (jwk) => [{ ...jwk, alg: ['RS256'] }] },
  { id: 'jwk-weak-rsa/512', reason: KEY, idToken: (plan) => { plan.key = rsaKey(1024); }, jwks: (jwk) => [{ ...jwk, n: Buffer.alloc(64, 0xff).toString('base64url') }] },
  { id: 'jwk-weak-rsa/65536', reason: KEY, jwks: (jwk) => [{ ...jwk, n: Buffer.alloc(8192, 0xff).toString('base64url') }] },
  { id: 'jwk-weak-rsa/huge-exponent', reason: KEY, jwks: (jwk) => [{ ...jwk, e: jwk.n }] },
  { id: 'jwk-private', reason: KEY, jwks: (jwk) => [{ ...jwk, d: 'AQAB' }] },
  { id: 'jwk-roca', reason: KEY, idToken: (plan) => { plan.key = rocaKey(); }, jwks: (jwk) => [publicJwk(rocaKey(), { kid: jwk.kid })] },
  {
    id: 'jwk-ec-short-coordinate',
    settings: { alg: 'ES256' },
    reason: KEY,
    idToken: (plan) => { plan.key = keyWithLeadingZero(); },
    jwks: (jwk) => [{ ...strippedOfZeros(publicJwk(keyWithLeadingZero())), kid: jwk.kid }],
  },
  {
    id: 'jwk-ec-short-coordinate/whole',
    bothTokens: true,
    settings: { alg: 'ES256' },
    idToken: (plan) => { plan.key = keyWithLeadingZero(); },
    jwks: (jwk) => [publicJwk(keyWithLeadingZero(), { kid: jwk.kid })],
  },
  { id: 'jwks-duplicate-kid', reason: KEY, jwks: (jwk) => [decoy('RS256', { kid: jwk.kid, alg: jwk.alg }), jwk] },
  { id: 'jwks-duplicate-kid/good-first', reason: KEY, jwks: (jwk) => [jwk, decoy('RS256', { kid: jwk.kid, alg: jwk.alg })] },
  { id: 'jwks-duplicate-kid/exact-copy', reason: KEY, jwks: (jwk) => [jwk, jwk] },
  { id: 'jwks-leading-zero-n', jwks: (jwk) => [{ ...jwk, n: Buffer.concat([Buffer.of(0), Buffer.from(jwk.n, 'base64url')]).toString('base64url') }] },
  { id: 'jwks-x5c-mismatch', reason: KEY, jwks: (jwk) => [{ ...jwk, x5c: [evilCertificate()] }] },
  { id: 'jwks-x5c-mismatch/thumbprint', reason: KEY, jwks: (jwk) => [{ ...jwk, x5c: [certificateOf('main')], 'x5t#S256': thumbprint(evilCertificate()) }] },
  { id: 'jwks-x5c-mismatch/right', jwks: (jwk) => [{ ...jwk, x5c: [certificateOf('main')], 'x5t#S256': thumbprint(certificateOf('main')) }] },
];

export const SIGNATURE_CASES = [...SIGNATURES, ...HEADERS, ...KEYS];
