// Private keys for configurations, which take them from files.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { scratchFolder } from './child.mjs';
import { secret } from './secrets.mjs';

// Writes a private key as PEM, and returns the path.
export function keyFile(privateKey) {
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  secret('private key', pem.split('\n')[1]);
  const path = join(scratchFolder(), `${randomUUID()}.pem`);
  writeFileSync(path, pem);
  return path;
}
