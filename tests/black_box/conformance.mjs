// Writes docs/conformance.md from the TAP report of a run of the end-to-end tests:
//
//   node --test --test-reporter=tap tests/black_box/*.test.mjs > report.tap
//   node tests/black_box/conformance.mjs report.tap > docs/conformance.md
//
// A case is a test whose name begins with an id such as `cb-state-replay`; what follows a slash or a
// colon is a variant of it.
import { readFileSync } from 'node:fs';

const GROUPS = [
  ['The callback', /^cb-/],
  ['Claims and hashes of ID tokens', /^idt-/],
  ['Signatures, headers and keys', /^(sig|alg|hdr|jws|kid|jwk|es256|rsa)-/],
  ['Discovery and key sets', /^(disc|jwks)-/],
  ['The token endpoint', /^tok-/],
  ['Refreshing', /^ref-/],
  ['Revocation', /^rev-/],
  ['Userinfo', /^ui-/],
  ['The network', /^(tls|dns|tcp|http)-/],
];

const cases = new Map(); // id -> {passed, failed}
for (const line of readFileSync(process.argv[2], 'utf8').split('\n')) {
  const [, not, id] = /^ +(not )?ok \d+ - ([a-z][a-z0-9]*(?:-[a-z0-9_]+)+)(?=[\s:/,(]|$)/.exec(line) ?? [];
  if (!id || !GROUPS.some(([, pattern]) => pattern.test(id))) continue;
  const found = cases.get(id) ?? { passed: 0, failed: 0 };
  found[not ? 'failed' : 'passed'] += 1;
  cases.set(id, found);
}

const total = (name) => [...cases.values()].reduce((sum, counts) => sum + counts[name], 0);
console.log(`# Conformance

What Token Broker answers when providers, browsers and networks go wrong, and when they are right in unusual ways. Each
case is run end to end against the release binary by \`tests/run.sh black_box\`; this page is made from a run of it
(\`tests/black_box/conformance.mjs\`).

${cases.size} cases, ${total('passed')} variants pass, ${total('failed')} fail.`);
for (const [title, pattern] of GROUPS) {
  const rows = [...cases].filter(([id]) => pattern.test(id)).sort(([a], [b]) => a.localeCompare(b));
  if (rows.length === 0) continue;
  console.log(`\n## ${title}\n\n| case | variants | result |\n|---|---|---|`);
  for (const [id, { passed, failed }] of rows) {
    console.log(`| \`${id}\` | ${passed + failed} | ${failed === 0 ? 'passes' : `${failed} fail`} |`);
  }
}
