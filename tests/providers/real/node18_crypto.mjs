// node:crypto with the one-shot `hash` of Node 20.12.
import { createHash } from 'node:crypto';

export * from 'node:crypto';

export function hash(algorithm, data, encoding = 'hex') {
  const hashed = createHash(algorithm).update(data);
  return encoding === 'buffer' ? hashed.digest() : hashed.digest(encoding);
}
