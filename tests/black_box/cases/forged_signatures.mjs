// Signatures that only a careless verifier takes: RSA paddings that are nearly right, and EdDSA's
// second forms. Ids are those of docs/conformance.md.
import { constants, createHash, privateEncrypt } from 'node:crypto';
import { publicJwk, signingKey } from '../../providers/hostile/keys.mjs';

const BAD = 'SIGNATURE_INVALID';
const SIZE = 256; // of an RSA signature, in bytes

const sha256 = (data) => createHash('sha256').update(data).digest();
const hex = (text) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const SHA256_PREFIX = hex('3031 300d 0609 608648016503040201 0500 0420');

// 00, the block type, the padding, 00 and what is padded (RFC 8017, section 9.2), `rest` after it.
function encoded(content, { start = [0, 1], fill = 0xff, separator = [0], count, rest = Buffer.alloc(0) } = {}) {
  const length = count ?? SIZE - start.length - separator.length - content.length - rest.length;
  return Buffer.concat([Buffer.from(start), Buffer.alloc(length, fill), Buffer.from(separator), content, rest]);
}

const prefixed = (prefix, digest) => (input) => encoded(Buffer.concat([hex(prefix), digest(input)]));
const right = (input) => Buffer.concat([SHA256_PREFIX, sha256(input)]);
const hashOf = (name) => (input) => createHash(name).update(input).digest();

// Encoded messages of which none is the one that RFC 8017 knows.
const PADDINGS = {
  'block-type-2': (input) => encoded(right(input), { start: [0, 2] }),
  'block-type-0': (input) => encoded(right(input), { start: [0, 0], fill: 0 }),
  'first-octet-1': (input) => encoded(right(input), { start: [1, 1] }).fill(0, 0, 1).fill(2, 1, 2),
  'padding-of-fe': (input) => encoded(right(input), { fill: 0xfe }),
  'padding-of-zeros': (input) => encoded(right(input), { fill: 0 }),
  'a-zero-in-the-padding': (input) => encoded(right(input)).fill(0, 100, 101),
  'no-separator': (input) => encoded(right(input), { separator: [0xff] }),
  // Bleichenbacher's of 2006: short padding, and room for garbage after the hash.
  'garbage-after-the-hash': (input) => encoded(right(input), { count: 8, rest: Buffer.alloc(SIZE - 11 - 51, 0x42) }),
  'a-little-garbage-after-the-hash': (input) => encoded(right(input), { rest: Buffer.of(0) }),
  'no-padding': (input) => encoded(right(input), { count: 0, rest: Buffer.alloc(SIZE - 3 - 51) }),
  'garbage-in-the-parameters': prefixed('303f 301b 0609 608648016503040201 040e 4242424242424242424242424242 0420', sha256),
  'no-parameters': prefixed('302f 300b 0609 608648016503040201 0420', sha256),
  'null-with-content': prefixed('3033 300f 0609 608648016503040201 05024242 0420', sha256),
  'long-form-length': prefixed('308131 300d 0609 608648016503040201 0500 0420', sha256),
  'indefinite-length': prefixed('3080 300d 0609 608648016503040201 0500 0420', sha256),
  'long-form-length-of-the-hash': prefixed('3032 300d 0609 608648016503040201 0500 048120', sha256),
  'another-hash-named': prefixed('3031 300d 0609 608648016503040202 0500 0420', sha256),
  'SHA-1': prefixed('3021 3009 0605 2b0e03021a 0500 0414', hashOf('sha1')),
  'SHA-512': prefixed('3051 300d 0609 608648016503040203 0500 0440', hashOf('sha512')),
  'MD5': prefixed('3020 300c 0608 2a864886f70d0205 0500 0410', hashOf('md5')),
  'the-hash-alone': (input) => encoded(sha256(input)),
  'no-hash': () => encoded(Buffer.alloc(0)),
  'a-short-hash': (input) => encoded(right(input).subarray(0, -1)),
  'a-hash-of-something-else': () => encoded(right('something else')),
  'an-octet-string-twice': (input) => encoded(Buffer.concat([right(input), hex('0420'), sha256(input)])),
  'PSS': undefined,
};

function raw(message) {
  return (plan) => {
    const { key } = plan;
    plan.sign = (input) => privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, message(input));
  };
}

const RSA = [
  { id: 'rsa-pkcs1-padding/right', idToken: raw((input) => encoded(right(input))) },
  ...Object.entries(PADDINGS).filter(([, make]) => make).map(([kind, make]) => ({
    id: `rsa-pkcs1-padding/${kind}`, reason: BAD, idToken: raw(make),
  })),
  { id: 'rsa-pkcs1-padding/PSS', reason: BAD, idToken: (plan) => { plan.alg = 'PS256'; } },
  ...Object.entries({ zero: 0, one: 1 }).map(([name, last]) => ({
    id: `rsa-pkcs1-padding/the-number-${name}`,
    reason: BAD,
    idToken: (plan) => { plan.signature = () => Buffer.alloc(SIZE).fill(last, SIZE - 1); },
  })),
];

const ED25519_ORDER = (1n << 252n) + 27742317777372353535851937790883648493n;

const fromLittleEndian = (bytes) => BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
const toLittleEndian = (number) => Buffer.from(number.toString(16).padStart(64, '0'), 'hex').reverse();

const changeS = (how) => (plan) => {
  plan.signature = (bytes) => Buffer.concat([
    bytes.subarray(0, 32), toLittleEndian(how(fromLittleEndian(bytes.subarray(32)))),
  ]);
};
const ed25519 = { alg: 'EdDSA' };
// The neutral element, and a point of order 4: under such a key a signature of R = 0, S = 0 or the
// like is good for many messages.
const SMALL = { neutral: '01'.padEnd(64, '0'), 'order-4': ''.padEnd(64, '0') };

const EDDSA = [
  { id: 'eddsa-malleability/S-plus-order', settings: ed25519, reason: BAD, idToken: changeS((s) => s + ED25519_ORDER) },
  { id: 'eddsa-malleability/S-minus', settings: ed25519, reason: BAD, idToken: changeS((s) => ED25519_ORDER - s) },
  { id: 'eddsa-malleability/truncated', settings: ed25519, reason: BAD, idToken: (plan) => { plan.signature = (s) => s.subarray(0, -1); } },
  { id: 'eddsa-malleability/longer', settings: ed25519, reason: BAD, idToken: (plan) => { plan.signature = (s) => Buffer.concat([s, Buffer.of(0)]); } },
  { id: 'eddsa-malleability/zeros', settings: ed25519, reason: BAD, idToken: (plan) => { plan.signature = () => Buffer.alloc(64); } },
  ...Object.entries(SMALL).map(([kind, point]) => ({
    id: `eddsa-malleability/key-of-small-order-${kind}`,
    settings: ed25519,
    reason: 'KEY_NOT_FOUND',
    idToken: (plan) => { plan.signature = () => Buffer.concat([hex(SMALL.neutral), Buffer.alloc(32)]); },
    jwks: (jwk) => [{ ...jwk, x: hex(point).toString('base64url') }],
  })),
  {
    id: 'eddsa-malleability/Ed448-key-for-Ed25519',
    settings: { alg: 'Ed25519' },
    reason: 'KEY_NOT_FOUND',
    idToken: (plan) => Object.assign(plan, { key: signingKey('Ed448') }),
    jwks: (jwk) => [publicJwk(signingKey('Ed448'), { kid: jwk.kid })],
  },
  { id: 'sig-eddsa/Ed448', settings: { alg: 'Ed448' }, idToken: () => {} },
];

export const FORGERY_CASES = [...RSA, ...EDDSA];
