// The provider's signing keys: one for each algorithm that an ID token may come in.
import { newKeyPair } from '../key_pair.mjs';

function jwk(kid, alg, type, options) {
  const { privateKey } = newKeyPair(type, options);
  return { ...privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' };
}

// Returns a JWK set with the private keys.
export function generateSigningKeys() {
  return {
    keys: [
      jwk('rsa-pkcs1', 'RS256', 'rsa', { modulusLength: 2048 }),
      jwk('rsa-pss', 'PS256', 'rsa', { modulusLength: 2048 }),
      jwk('p-256', 'ES256', 'ec', { namedCurve: 'P-256' }),
      jwk('ed25519', 'EdDSA', 'ed25519'),
    ],
  };
}

// Returns the JWK set without what is private.
export function publicKeys({ keys }) {
  return { keys: keys.map(({ kid, alg, use, kty, n, e, crv, x, y }) => ({ kid, alg, use, kty, n, e, crv, x, y })) };
}
