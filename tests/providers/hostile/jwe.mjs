// Encrypted tokens (RFC 7516, compact serialisation) with any fault one may wish for.
//
//   encrypt(token, { key, alg: 'RSA-OAEP-256', enc: 'A256GCM' })
//
// `key` is the recipient's public key, a KeyObject. Changes on the way:
//   header       members laid over the header, undefined ones dropped
//   contentKey   bytes that are encrypted to the recipient in place of the content key used
//   encryptedKey, tag   functions that return the bytes to send instead
import {
  constants, createCipheriv, createHash, createHmac, diffieHellman, publicEncrypt, randomBytes,
} from 'node:crypto';
import { base64url } from './jwt.mjs';
import { newKeyPair } from '../key_pair.mjs';

const HASHES = { 'RSA-OAEP': 'sha1', 'RSA-OAEP-256': 'sha256' };
const KEY_BYTES = { A128GCM: 16, A256GCM: 32, 'A128CBC-HS256': 32, 'A256CBC-HS512': 64 };

const uint32 = (value) => { const bytes = Buffer.alloc(4); bytes.writeUInt32BE(value); return bytes; };
const sized = (text) => Buffer.concat([uint32(text.length), Buffer.from(text)]);

// ECDH-ES without key wrapping (RFC 7518 section 4.6.2): the agreed key is the content key.
function agree(recipient, enc) {
  const { namedCurve } = recipient.asymmetricKeyDetails;
  const ephemeral = newKeyPair('ec', { namedCurve });
  const shared = diffieHellman({ privateKey: ephemeral.privateKey, publicKey: recipient });
  const size = KEY_BYTES[enc];
  const info = Buffer.concat([sized(enc), sized(''), sized(''), uint32(size * 8)]);
  const rounds = Array.from({ length: Math.ceil(size / 32) }, (_, i) =>
    createHash('sha256').update(Buffer.concat([uint32(i + 1), shared, info])).digest());
  return { contentKey: Buffer.concat(rounds).subarray(0, size), epk: ephemeral.publicKey.export({ format: 'jwk' }) };
}

function encryptContent(enc, key, plaintext, associated) {
  if (enc.endsWith('GCM')) {
    const iv = randomBytes(12);
    const cipher = createCipheriv(`aes-${key.length * 8}-gcm`, key, iv).setAAD(associated);
    const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
    return { iv, ciphertext, tag: cipher.getAuthTag() };
  }
  const half = key.length / 2;
  const iv = randomBytes(16);
  const cipher = createCipheriv(`aes-${half * 8}-cbc`, key.subarray(half), iv);
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(associated.length * 8));
  const mac = createHmac(`sha${key.length * 8}`, key.subarray(0, half));
  return { iv, ciphertext, tag: mac.update(Buffer.concat([associated, iv, ciphertext, length])).digest().subarray(0, half) };
}

export function encrypt(token, { key, alg, enc, kid, ...changes }) {
  const agreed = alg === 'ECDH-ES' ? agree(key, enc) : undefined;
  const contentKey = agreed?.contentKey ?? randomBytes(KEY_BYTES[enc]);
  const header = { alg, enc, kid, epk: agreed?.epk, cty: 'JWT', ...changes.header };
  let encryptedKey = Buffer.alloc(0);
  if (!agreed) {
    const padding = constants.RSA_PKCS1_OAEP_PADDING;
    encryptedKey = publicEncrypt({ key, padding, oaepHash: HASHES[alg] }, changes.contentKey ?? contentKey);
  }
  if (changes.encryptedKey) encryptedKey = changes.encryptedKey(encryptedKey);
  const protectedHeader = base64url(JSON.stringify(header));
  const { iv, ciphertext, tag } = encryptContent(enc, contentKey, Buffer.from(token), Buffer.from(protectedHeader));
  return [protectedHeader, ...[encryptedKey, iv, ciphertext, changes.tag?.(tag) ?? tag].map(base64url)].join('.');
}
