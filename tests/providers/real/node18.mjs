// Lets oidc-provider 9 run on Debian 12's own Node 18: it needs three things that came with Node 20.
// Imported before oidc-provider; does nothing on newer versions.
import { register } from 'node:module';
import * as crypto from 'node:crypto';

globalThis.crypto ??= crypto.webcrypto;
globalThis.CryptoKey ??= crypto.webcrypto.CryptoKey;

URL.parse ??= (...parts) => {
  try {
    return new URL(...parts);
  } catch {
    return null;
  }
};

if (!crypto.hash) register('./node18_hooks.mjs', import.meta.url);
