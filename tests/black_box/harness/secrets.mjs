// Everything secret that was in play in this process: no broker may print any of it.
//
// With TEST_RECORD set to a folder, the secrets and all that brokers printed are left there, so that
// check_leaks.mjs can compare everything with everything at the end.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const seen = new Map(); // value -> what it is

const MIN_LENGTH = 8; // shorter ones would be found by chance

// Notes a secret and returns it.
export function secret(what, value) {
  if (typeof value === 'string' && value.length >= MIN_LENGTH) seen.set(value, what);
  return value;
}

// Notes the secrets that a URL carries to the provider.
export function secretsOfUrl(url) {
  const query = new URL(url).searchParams;
  for (const name of ['state', 'nonce', 'id_token_hint']) secret(name, query.get(name));
}

const CALLBACK = ['code', 'state', 'id_token', 'access_token', 'response'];

// Notes the secrets of a callback: a form body or a URL.
export function secretsOfCallback({ form_body: body, redirect_url: url }) {
  const text = body ?? (url ?? '').replace(/^[^?#]*[?#]/, '');
  if (text.length > 1_000_000) return;
  for (const [name, value] of new URLSearchParams(text)) if (CALLBACK.includes(name)) secret(name, value);
}

const FACTOR = 0x01000193;
const FACTOR_OF_OLDEST = Array.from({ length: MIN_LENGTH }).reduce((power) => Math.imul(power, FACTOR), 1);

function hashOfBeginning(text) {
  let hash = 0;
  for (let i = 0; i < MIN_LENGTH; ++i) hash = (Math.imul(hash, FACTOR) + text.charCodeAt(i)) | 0;
  return hash;
}

// The hashes of all beginnings that anything in a text could have: of tens of thousands of secrets hardly one is
// then left to be looked for.
class Beginnings {
  constructor(text) {
    this.shift = Math.max(0, Math.clz32(text.length) - 4);
    this.bits = new Uint8Array(2 ** (32 - this.shift - 3) + 1);
    let hash = 0;
    for (let i = 0; i < text.length; ++i) {
      hash = (Math.imul(hash, FACTOR) + text.charCodeAt(i)) | 0;
      if (i >= MIN_LENGTH) hash = (hash - Math.imul(text.charCodeAt(i - MIN_LENGTH), FACTOR_OF_OLDEST)) | 0;
      if (i >= MIN_LENGTH - 1) this.#set(hash);
    }
  }

  #place(hash) { return Math.imul(hash, 0x9e3779b1) >>> this.shift; }
  #set(hash) { const at = this.#place(hash); this.bits[at >>> 3] |= 1 << (at & 7); }
  mayHave(hash) { const at = this.#place(hash); return (this.bits[at >>> 3] & (1 << (at & 7))) !== 0; }
}

const formsOf = new Map(); // value -> [[form, hash of its beginning], ...]

function forms(value) {
  const known = formsOf.get(value);
  if (known) return known;
  const texts = new Set([value, encodeURIComponent(value)]);
  const parts = value.split('.');
  if (parts.length === 3) for (const part of parts.slice(1)) if (part.length > 20) texts.add(part);
  const made = [...texts].map((text) => [text, hashOfBeginning(text)]);
  formsOf.set(value, made);
  return made;
}

// Returns what of it is in `text`: a list of "what (how long)". A secret is looked for as it is, and
// percent-encoded; of a JWT the signature alone is enough.
export function leaksIn(text) {
  const leaks = [];
  const beginnings = new Beginnings(text);
  for (const [value, what] of seen) {
    for (const [form, hash] of forms(value)) {
      if (!beginnings.mayHave(hash)) continue;
      const at = text.indexOf(form);
      if (at < 0) continue;
      const line = text.slice(text.lastIndexOf('\n', at) + 1, text.indexOf('\n', at));
      leaks.push(`${what} of ${value.length} characters in: ${line.slice(0, 400)}`);
    }
  }
  return leaks;
}

const { TEST_RECORD: record } = process.env;
const printed = []; // children whose output counts

// Notes a broker, by its Child.
export function recordOutput(child) { printed.push(child); }

// Notes secrets that were recorded elsewhere: [[value, what], ...].
export function learn(entries) { for (const [value, what] of entries) seen.set(value, what); }

if (record) {
  process.on('exit', () => {
    writeFileSync(join(record, `${process.pid}.secrets.json`), JSON.stringify([...seen]));
    printed.forEach((child, i) => writeFileSync(join(record, `${process.pid}-${i}.log`), child.output));
  });
}
