// DPoP as a server sees it (RFC 9449 section 4.3).
import { createHash, createPublicKey, verify } from 'node:crypto';

const digest = (text) => createHash('sha256').update(text).digest('base64url');
const json = (part) => JSON.parse(Buffer.from(part, 'base64url').toString());

// RFC 7638, for the key types that the broker uses.
export function thumbprint({ kty, crv, x, y, n, e }) {
  const members = { EC: { crv, kty, x, y }, OKP: { crv, kty, x }, RSA: { e, kty, n } }[kty];
  return digest(JSON.stringify(members));
}

const VERIFY = {
  ES256: (key) => ['sha256', { key, dsaEncoding: 'ieee-p1363' }],
  EdDSA: (key) => [null, key],
  RS256: (key) => ['sha256', key],
  PS256: (key) => ['sha256', { key, padding: 6, saltLength: 32 }],
};

// Returns the claims of a proof with `jkt`, or throws. `expected` is {method, uri} and, where a token
// goes along, {accessToken}.
export function checkProof(proof, { method, uri, accessToken }) {
  const check = (fine, what) => { if (!fine) throw new Error(`the proof is no good: ${what}`); };
  const parts = proof.split('.');
  check(parts.length === 3, 'form');
  const [header, claims] = parts.map((part, i) => (i < 2 ? json(part) : part));
  check(header.typ === 'dpop+jwt', 'typ');
  check(header.alg in VERIFY, 'alg');
  for (const name of ['d', 'p', 'q', 'k']) check(!(name in header.jwk), 'a private key in it');
  const [hash, key] = VERIFY[header.alg](createPublicKey({ key: header.jwk, format: 'jwk' }));
  check(verify(hash, Buffer.from(`${parts[0]}.${parts[1]}`), key, Buffer.from(parts[2], 'base64url')), 'signature');
  check(claims.htm === method, 'htm');
  check(claims.htu === uri, 'htu');
  check(Math.abs(claims.iat - Date.now() / 1000) < 60, 'iat');
  check(typeof claims.jti === 'string' && claims.jti.length >= 16, 'jti');
  check(claims.ath === (accessToken && digest(accessToken)), 'ath');
  return { ...claims, jkt: thumbprint(header.jwk) };
}
