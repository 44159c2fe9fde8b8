// Signing keys, made when first asked for and shared by all tenants: making RSA keys is slow.
import { checkPrimeSync, createPrivateKey, createPublicKey, randomBytes } from 'node:crypto';
import { newKeyPair } from '../key_pair.mjs';

const KINDS = {
  RS: ['rsa', { modulusLength: 2048 }],
  PS: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
  ES384: ['ec', { namedCurve: 'P-384' }],
  ES512: ['ec', { namedCurve: 'P-521' }],
  EdDSA: ['ed25519'],
  Ed25519: ['ed25519'],
  Ed448: ['ed448'],
};

const made = new Map();

// Returns the private key for `alg`. Another `name` is another key: 'main' is the one that a tenant
// publishes, any other a stranger's.
export function signingKey(alg, name = 'main') {
  const kind = KINDS[alg] ?? KINDS[alg.slice(0, 2)];
  if (!kind) throw new Error(`no key for ${alg}`);
  const [type, options] = kind;
  const id = `${name}/${type}/${JSON.stringify(options ?? {})}`;
  if (!made.has(id)) made.set(id, newKeyPair(type, options).privateKey);
  return made.get(id);
}

// Returns an RSA key of an unusual size.
export function rsaKey(modulusLength) {
  const id = `odd/rsa/${modulusLength}`;
  if (!made.has(id)) made.set(id, newKeyPair('rsa', { modulusLength }).privateKey);
  return made.get(id);
}

const bytesOf = (number) => {
  const hex = number.toString(16);
  return Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex').toString('base64url');
};

function power(base, exponent, modulus) {
  let result = 1n;
  for (let [b, e] = [base % modulus, exponent]; e > 0n; e >>= 1n, b = (b * b) % modulus) {
    if (e & 1n) result = (result * b) % modulus;
  }
  return result;
}

const inverse = (a, modulus) => {
  let [r, newR, t, newT] = [modulus, ((a % modulus) + modulus) % modulus, 0n, 1n];
  while (newR > 0n) {
    const quotient = r / newR;
    [r, newR, t, newT] = [newR, r - quotient * newR, newT, t - quotient * newT];
  }
  return ((t % modulus) + modulus) % modulus;
};

// A prime of the form that CVE-2017-15361 is about: k * M + (65537^a mod M), M the product of the
// first 126 primes.
function rocaPrime() {
  let product = 1n;
  for (let [candidate, found] = [2n, 0]; found < 126; ++candidate) {
    if (!checkPrimeSync(candidate)) continue;
    product *= candidate;
    found += 1;
  }
  while (true) {
    const k = BigInt(`0x${randomBytes(7).toString('hex')}`) | (3n << 51n);
    const prime = (k % (1n << 53n)) * product + power(65537n, BigInt(`0x${randomBytes(30).toString('hex')}`), product);
    if (prime.toString(2).length === 1024 && checkPrimeSync(prime, { checks: 10 })) return prime;
  }
}

// Returns a 2048-bit RSA key with the fingerprint of ROCA (CVE-2017-15361).
export function rocaKey() {
  if (!made.has('odd/roca')) {
    let [p, q] = [rocaPrime(), rocaPrime()];
    while ((p * q).toString(2).length !== 2048) [p, q] = [rocaPrime(), rocaPrime()];
    const e = 65537n;
    const d = inverse(e, (p - 1n) * (q - 1n));
    const numbers = { n: p * q, e, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: inverse(q, p) };
    const jwk = Object.fromEntries(Object.entries(numbers).map(([name, number]) => [name, bytesOf(number)]));
    made.set('odd/roca', createPrivateKey({ key: { kty: 'RSA', ...jwk }, format: 'jwk' }));
  }
  return made.get('odd/roca');
}

// Returns a P-256 key whose x begins with a zero octet.
export function keyWithLeadingZero() {
  while (!made.has('odd/zero')) {
    const { privateKey } = newKeyPair('ec', { namedCurve: 'P-256' });
    if (Buffer.from(publicJwk(privateKey).x, 'base64url')[0] === 0) made.set('odd/zero', privateKey);
  }
  return made.get('odd/zero');
}

// Returns the public JWK of a private key; `members` are added, undefined ones dropped.
export function publicJwk(key, members = {}) {
  const jwk = { ...createPublicKey(key).export({ format: 'jwk' }), use: 'sig', ...members };
  return JSON.parse(JSON.stringify(jwk));
}
