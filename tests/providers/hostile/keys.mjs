// Signing keys, made when first asked for and shared by all tenants: making RSA keys is slow.
import { createPublicKey, generateKeyPairSync } from 'node:crypto';

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
  if (!made.has(id)) made.set(id, generateKeyPairSync(type, options).privateKey);
  return made.get(id);
}

// Returns an RSA key of an unusual size.
export function rsaKey(modulusLength) {
  const id = `odd/rsa/${modulusLength}`;
  if (!made.has(id)) made.set(id, generateKeyPairSync('rsa', { modulusLength }).privateKey);
  return made.get(id);
}

// Returns the public JWK of a private key; `members` are added, undefined ones dropped.
export function publicJwk(key, members = {}) {
  const jwk = { ...createPublicKey(key).export({ format: 'jwk' }), use: 'sig', ...members };
  return JSON.parse(JSON.stringify(jwk));
}
