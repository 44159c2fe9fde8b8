// New key pairs.
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';

// As generateKeyPairSync, but read back from what that has written. The keys that it makes by itself share a lock with
// the job that made them, and the garbage collector takes that lock when it comes upon the job: a process that is just
// exporting such a key waits for itself for ever (Node 20).
export function newKeyPair(type, options) {
  const written = generateKeyPairSync(type, {
    ...options,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return { privateKey: createPrivateKey(written.privateKey), publicKey: createPublicKey(written.publicKey) };
}
