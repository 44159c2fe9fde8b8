// Grants as they lie in Redis, opened and sealed by a test: what another version of the broker would have written.
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const RECORDS = fileURLToPath(new URL('../../../service/grants/record.proto', import.meta.url));
const Record = new protobuf.Root().loadSync(RECORDS, { keepCase: true }).lookupType('tokenbroker.storage.v1.GrantRecord');
// grants::ExpandKey's label: its size in 64 bits, then the text.
const LABEL = Buffer.concat([Buffer.from([0, 0, 0, 0, 0, 0, 0, 21]), Buffer.from('tokenbroker record v1')]);
const NONCE = 12;
const TAG = 16;

// The grants of `redis`, sealed with the one key of `encryption`, as in a broker's configuration.
export class StoredGrants {
  constructor(redis, encryption) {
    const [{ id, key }] = encryption.keys;
    Object.assign(this, { redis, header: Buffer.concat([Buffer.from([1, id.length]), Buffer.from(id)]), key: Buffer.from(key.inline, 'hex') });
  }

  #where(grantId) {
    const [name] = this.redis.keys(`tb:grant:*:${grantId}`);
    const generation = Buffer.alloc(8);
    generation.writeBigUInt64BE(BigInt(this.redis.bytes(name, 'generation').toString()));
    return {
      name,
      key: createHmac('sha256', this.key).update(LABEL).update(`${name}\x01`).digest(),
      bound: Buffer.concat([this.header, Buffer.from(name), Buffer.from([0]), generation]),
    };
  }

  // The bytes of its record, still sealed.
  sealed(grantId) { return this.redis.bytes(this.#where(grantId).name, 'record'); }

  // The bytes of its record.
  read(grantId) {
    const { name, key, bound } = this.#where(grantId);
    const sealed = this.redis.bytes(name, 'record').subarray(this.header.length);
    const cipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE)).setAAD(bound).setAuthTag(sealed.subarray(-TAG));
    return Buffer.concat([cipher.update(sealed.subarray(NONCE, -TAG)), cipher.final()]);
  }

  // Puts other bytes in their place, in the same generation.
  write(grantId, bytes) {
    const { name, key, bound } = this.#where(grantId);
    const nonce = randomBytes(NONCE);
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(bound);
    const text = Buffer.concat([cipher.update(bytes), cipher.final()]);
    this.redis.put(name, 'record', Buffer.concat([this.header, nonce, text, cipher.getAuthTag()]));
  }

  // Does what a replica of another version does: changes members, and adds `more`, bytes of members that only it knows.
  rewrite(grantId, change, more = Buffer.alloc(0)) {
    const record = Record.decode(this.read(grantId));
    change(record);
    this.write(grantId, Buffer.concat([Record.encode(record).finish(), more]));
  }

  parsed(grantId) { return Record.decode(this.read(grantId)); }
}

// A member of field `number` with `text`, as protobuf writes it.
export function member(number, text) {
  return protobuf.Writer.create().uint32((number << 3) | 2).string(text).finish();
}
