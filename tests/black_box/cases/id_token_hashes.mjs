// c_hash, at_hash and s_hash, and payloads that are no claims set.
import { createHash } from 'node:crypto';
import { leftHalfHash } from '../../providers/hostile/jwt.mjs';

const append = (name) => (plan) => { plan.claims[name] += '1'; };
const drop = (name) => (plan) => { delete plan.claims[name]; };
const front = { channel: 'front' };
const back = { channel: 'back' };
const withToken = { ...front, responseType: 'code id_token token' };

const C = 'C_HASH_MISMATCH';
const A = 'AT_HASH_MISMATCH';

// c_hash values that are near the right one. They are made from the hash itself, 16 bytes of SHA-256.
const raw = (plan) => Buffer.from(plan.claims.c_hash, 'base64url');
const cHash = (kind, make) => ({
  id: `idt-chash-encoding/${kind}`,
  ...front,
  reason: [C, 'CLAIM_MALFORMED', 'C_HASH_MISSING'],
  idToken: (plan) => { plan.claims.c_hash = make(plan); },
});

const algorithms = ['RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];

const HASHES = [
  { id: 'idt-chash-wrong', ...front, reason: C, idToken: append('c_hash') },
  { id: 'idt-chash-missing', ...front, reason: 'C_HASH_MISSING', idToken: drop('c_hash') },
  cHash('hex', (plan) => raw(plan).toString('hex')),
  cHash('padded', (plan) => raw(plan).toString('base64')),
  cHash('whole-hash', (plan) => createHash('sha256').update(raw(plan)).digest('base64url')),
  cHash('half', (plan) => raw(plan).subarray(0, 8).toString('base64url')),
  cHash('empty', () => ''),
  cHash('number', () => 7),
  cHash('null', () => null),
  cHash('trailing-bits', (plan) => plan.claims.c_hash.replace(/.$/, (c) => (c === 'A' ? 'B' : 'h'))),
  ...algorithms.map((alg) => ({ id: `idt-hash-alg-family/${alg}`, ...withToken, settings: { alg }, idToken: () => {} })),
  ...['RS512', 'EdDSA'].map((alg) => ({
    id: alg === 'EdDSA' ? 'idt-hash-eddsa/sha256' : 'idt-hash-alg-family/sha256-in-RS512',
    ...front,
    settings: { alg },
    reason: C,
    idToken: (plan) => { plan.claims.c_hash = leftHalfHash('RS256', plan.claims.c_hash); },
  })),
  { id: 'idt-hash-eddsa/Ed448', ...withToken, settings: { alg: 'Ed448' }, idToken: () => {} },
  {
    id: 'idt-hash-eddsa/sha512-in-Ed448',
    ...front,
    settings: { alg: 'Ed448' },
    reason: C,
    idToken: (plan) => { plan.claims.c_hash = leftHalfHash('EdDSA', 'the code'); },
  },
  { id: 'idt-athash-front-wrong', ...withToken, reason: A, idToken: append('at_hash') },
  { id: 'idt-athash-front-missing', ...withToken, reason: 'AT_HASH_MISSING', idToken: drop('at_hash') },
  { id: 'idt-athash-back-wrong', ...back, reason: A, idToken: append('at_hash') },
  { id: 'idt-athash-back-missing', ...back, idToken: drop('at_hash') },
  { id: 'idt-shash-wrong', ...front, reason: 'S_HASH_MISMATCH', idToken: append('s_hash') },
  { id: 'idt-shash-absent', ...front, idToken: drop('s_hash') },
];

const asText = (make) => (plan) => { plan.payloadText = make(JSON.stringify(plan.claims), plan.claims); };
const twice = (name, value) => (text) => [`{${JSON.stringify(name)}:${JSON.stringify(value)},${text.slice(1)}`];

const duplicates = ['sub', 'iss', 'aud', 'nonce', 'exp'].flatMap((name) => [
  { order: 'good-last', make: (text) => twice(name, 'evil')(text)[0] },
  { order: 'good-first', make: (text) => `${text.slice(0, -1)},${JSON.stringify(name)}:"evil"}` },
  { order: 'equal', make: (text, claims) => twice(name, claims[name])(text)[0] },
].map(({ order, make }) => ({
  id: `idt-duplicate-claim/${name}-${order}`,
  reason: ['JWT_MALFORMED', 'CLAIM_MALFORMED'],
  idToken: asText(make),
})));

function asLogoutToken(plan) {
  const { iss, sub, aud, iat, exp } = plan.claims;
  const events = { 'http://schemas.openid.net/event/backchannel-logout': {} };
  plan.claims = { iss, sub, aud, iat, exp, jti: 'x', sid: 'y', events };
}

const payload = (id, make) => ({ id, reason: ['JWT_MALFORMED', 'CLAIM_MALFORMED'], idToken: asText(make) });

const PAYLOADS = [
  ...duplicates,
  payload('idt-duplicate-nested', (text) => `{"address":{"country":"AT","country":"DE"},${text.slice(1)}`),
  ...Object.entries({ array: '[]', text: '"x"', number: '1', null: 'null', nothing: '' }).map(
    ([kind, text]) => payload(`idt-payload-not-object/${kind}`, () => text),
  ),
  payload('idt-payload-not-object/two', (text) => `${text}${text}`),
  payload('idt-payload-not-object/trailing', (text) => `${text}x`),
  payload('idt-payload-encoding/bom', (text) => `\ufeff${text}`),
  payload('idt-payload-encoding/utf-16', (text) => Buffer.from(text, 'utf16le')),
  payload('idt-payload-encoding/invalid-utf-8', (text) => Buffer.concat([
    Buffer.from(`{"name":"`), Buffer.of(0xc3, 0x28), Buffer.from(`",${text.slice(1)}`),
  ])),
  payload('idt-payload-encoding/lone-surrogate', (text) => `{"name":"\\ud800",${text.slice(1)}`),
  payload('idt-payload-encoding/control-character', (text) => `{"name":"a\u0001b",${text.slice(1)}`),
  {
    id: 'idt-logout-token-as-idtoken/typ',
    reason: 'JWT_TYPE_MISMATCH',
    idToken: (plan) => { plan.header.typ = 'logout+jwt'; asLogoutToken(plan); },
  },
  { id: 'idt-logout-token-as-idtoken/untyped', reason: 'CLAIM_MALFORMED', idToken: (plan) => asLogoutToken(plan) },
  {
    id: 'idt-deep-nesting',
    reason: ['JWT_MALFORMED', 'CLAIM_MALFORMED'],
    idToken: asText((text) => `{"x":${'['.repeat(20000)}${']'.repeat(20000)},${text.slice(1)}`),
  },
  {
    id: 'idt-deep-nesting/100000',
    reason: ['JWT_MALFORMED', 'CLAIM_MALFORMED', 'CALLBACK_MALFORMED'],
    idToken: asText((text) => `{"x":${'['.repeat(100000)}${']'.repeat(100000)},${text.slice(1)}`),
  },
  {
    id: 'idt-unknown-claims',
    idToken: (plan) => {
      for (let i = 0; i < 200; ++i) plan.claims[`claim-${i}`] = { nested: [i, { deep: true }] };
      plan.claims.groups = Array.from({ length: 1000 }, (_, i) => `group-${i}-${'x'.repeat(24)}`);
    },
  },
  { id: 'idt-header-claims', idToken: (plan) => Object.assign(plan.header, { iss: 'https://evil', sub: 'victim' }) },
  {
    id: 'idt-claim-sources',
    idToken: (plan) => {
      plan.claims._claim_names = { address: 'a' };
      plan.claims._claim_sources = { a: { endpoint: 'http://169.254.169.254/' } };
    },
  },
];

export const HASH_CASES = [...HASHES, ...PAYLOADS];
