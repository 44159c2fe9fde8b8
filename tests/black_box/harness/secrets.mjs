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

// Returns what of it is in `text`: a list of "what (how long)". A secret is looked for as it is, and
// percent-encoded; of a JWT the signature alone is enough.
export function leaksIn(text) {
  const leaks = [];
  for (const [value, what] of seen) {
    const forms = new Set([value, encodeURIComponent(value)]);
    const parts = value.split('.');
    if (parts.length === 3) for (const part of parts.slice(1)) if (part.length > 20) forms.add(part);
    for (const form of forms) {
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
