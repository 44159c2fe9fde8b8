// Throw-away certificates, made by the openssl command line.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratchFolder } from './child.mjs';

const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });

const certificates = new Map(); // private key -> the base64 of its certificate

// Returns a certificate that a key signed for itself, as `x5c` has it.
export function selfSigned(key) {
  if (!certificates.has(key)) {
    const file = join(scratchFolder(), 'key.pem');
    writeFileSync(file, key.export({ type: 'pkcs8', format: 'pem' }));
    const der = openssl('req', '-x509', '-key', file, '-days', '2', '-subj', '/CN=signer', '-outform', 'DER');
    certificates.set(key, der.toString('base64'));
  }
  return certificates.get(key);
}

// Returns `x5t#S256` of such a certificate.
export function thumbprint(certificate) {
  return createHash('sha256').update(Buffer.from(certificate, 'base64')).digest('base64url');
}

// A certificate authority. `issue` returns {certFile, keyFile, cert, key}.
export class Authority {
  constructor() {
    this.folder = scratchFolder();
    this.caFile = join(this.folder, 'ca.pem');
    this.keyFile = join(this.folder, 'ca.key');
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
      '-keyout', this.keyFile, '-out', this.caFile, '-subj', '/CN=test authority',
      '-addext', 'keyUsage=critical,keyCertSign');
    this.ca = readFileSync(this.caFile);
    this.serial = 0;
  }

  // The authority's own certificate and key, in the form of `issue`: a certificate that nobody else signed.
  selfSigned() {
    return { certFile: this.caFile, keyFile: this.keyFile, cert: this.ca, key: readFileSync(this.keyFile) };
  }

  // `san` as openssl writes it: "IP:127.0.0.1", "DNS:a.example.org", "URI:spiffe://example.org/a",
  // "DER:..." in hexadecimal. Empty: none.
  issue(san, { name = 'test', days = 1 } = {}) {
    const at = (ending) => join(this.folder, `leaf-${this.serial}.${ending}`);
    this.serial += 1;
    writeFileSync(at('ext'), `extendedKeyUsage=serverAuth,clientAuth\n${san ? `subjectAltName=${san}\n` : ''}`);
    openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
      '-keyout', at('key'), '-out', at('csr'), '-subj', `/CN=${name}`);
    openssl('x509', '-req', '-in', at('csr'), '-CA', this.caFile, '-CAkey', this.keyFile, '-days', String(days),
      '-set_serial', String(this.serial + 100), '-extfile', at('ext'), '-out', at('pem'));
    return {
      certFile: at('pem'),
      keyFile: at('key'),
      cert: readFileSync(at('pem')),
      key: readFileSync(at('key')),
    };
  }
}
