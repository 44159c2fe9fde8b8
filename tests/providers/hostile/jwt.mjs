// JWTs with any fault one may wish for.
//
// A plan says what a token is to be: {alg, header, claims, key}, and how to spoil it on the way:
//   headerText, payloadText   used as they are instead of the JSON of `header` and `claims`
//   sign(input)               makes the signature over the first two parts, in place of `alg` and `key`
//   signature(bytes)          returns the signature to use instead
//   compact(text)             returns the token to send instead
import { constants, createHash, createHmac, sign } from 'node:crypto';

export const base64url = (data) => Buffer.from(data).toString('base64url');

const DIGEST = { 256: 'sha256', 384: 'sha384', 512: 'sha512' };

function digestOf(alg) {
  if (alg === 'EdDSA' || alg === 'Ed25519') return 'sha512';
  return DIGEST[alg.slice(2)] ?? 'sha256';
}

// c_hash, at_hash and s_hash: the left half of the hash that belongs to the algorithm (OIDC Core
// 3.1.3.6).
export function leftHalfHash(alg, value) {
  // Ed448 has a hash of its own: SHAKE256 with 114 bytes.
  const hash = alg === 'Ed448' ? createHash('shake256', { outputLength: 114 }) : createHash(digestOf(alg));
  const digest = hash.update(value).digest();
  return base64url(digest.subarray(0, digest.length / 2));
}

function signatureOf(alg, key, input) {
  const data = Buffer.from(input);
  switch (alg.slice(0, 2)) {
    case 'RS':
      return sign(digestOf(alg), data, key);
    case 'PS':
      return sign(digestOf(alg), data, {
        key,
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
      });
    case 'ES':
      return sign(digestOf(alg), data, { key, dsaEncoding: 'ieee-p1363' });
    case 'Ed':
      return sign(null, data, key);
    case 'HS':
      return createHmac(digestOf(alg), key).update(data).digest();
    default:
      return Buffer.alloc(0);
  }
}

// Returns the compact serialisation of what a plan describes.
export function render(plan) {
  const header = base64url(plan.headerText ?? JSON.stringify(plan.header));
  const payload = base64url(plan.payloadText ?? JSON.stringify(plan.claims));
  const input = `${header}.${payload}`;
  let signature = plan.sign ? plan.sign(Buffer.from(input)) : signatureOf(plan.alg, plan.key, input);
  if (plan.signature) signature = plan.signature(signature);
  const token = `${header}.${payload}.${base64url(signature)}`;
  return plan.compact ? plan.compact(token) : token;
}
