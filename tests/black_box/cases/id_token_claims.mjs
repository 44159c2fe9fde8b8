// What an ID token may say wrong, and what it may say. Ids are those of docs/conformance.md.
//
// A case: {id, reason} is refused, {id} alone is accepted. `idToken(plan)` spoils the token; `channel`
// says which of the two ID tokens where not both are tried; `responseType`, `request`, `settings` are
// for the sign-in. Several reasons mean that the order of checks is free.
const claim = (name, value) => (plan) => {
  if (value === undefined) delete plan.claims[name];
  else plan.claims[name] = value;
};
const change = (name, how) => (plan) => { plan.claims[name] = how(plan.claims[name]); };
const ago = (seconds) => Math.floor(Date.now() / 1000) - seconds;

const WRONG_TYPES = { empty: '', null: null, number: 7, array: ['x'], object: {} };

function shiftClock(seconds) {
  return (plan) => {
    for (const name of ['iat', 'exp']) plan.claims[name] += seconds;
    plan.claims.nbf = plan.claims.iat;
  };
}

const ISSUER = [
  { id: 'idt-iss-wrong', reason: 'ISSUER_MISMATCH', idToken: change('iss', (v) => `${v}1`) },
  { id: 'idt-iss-missing', reason: 'CLAIM_MISSING', idToken: claim('iss') },
  ...Object.entries(WRONG_TYPES).map(([kind, value]) => ({
    id: `idt-iss-type/${kind}`,
    reason: ['CLAIM_MALFORMED', 'ISSUER_MISMATCH', 'CLAIM_MISSING'],
    idToken: claim('iss', value),
  })),
  {
    id: 'idt-iss-type/array-of-good-and-evil',
    reason: ['CLAIM_MALFORMED', 'ISSUER_MISMATCH'],
    idToken: change('iss', (v) => [v, 'https://evil.example.org']),
  },
  { id: 'idt-iss-prefix-substring/prefix', reason: 'ISSUER_MISMATCH', idToken: change('iss', (v) => v.slice(0, -1)) },
  { id: 'idt-iss-prefix-substring/suffix', reason: 'ISSUER_MISMATCH', idToken: change('iss', (v) => v.slice(1)) },
  { id: 'idt-iss-prefix-substring/expected-is-prefix', reason: 'ISSUER_MISMATCH', idToken: change('iss', (v) => `${v}.evil.example.org`) },
  { id: 'idt-iss-prefix-substring/case', reason: 'ISSUER_MISMATCH', idToken: change('iss', (v) => v.replace('http', 'HTTP')) },
  { id: 'idt-iss-prefix-substring/slash', reason: 'ISSUER_MISMATCH', idToken: change('iss', (v) => `${v}/`) },
  { id: 'idt-iss-nul/iss', reason: ['CLAIM_MALFORMED', 'ISSUER_MISMATCH'], idToken: change('iss', (v) => `${v}\0x`) },
  { id: 'idt-iss-nul/aud', reason: ['CLAIM_MALFORMED', 'AUDIENCE_MISMATCH'], idToken: change('aud', (v) => `${v}\0x`) },
  { id: 'idt-iss-nul/nonce', reason: ['CLAIM_MALFORMED', 'NONCE_MISMATCH'], idToken: change('nonce', (v) => `${v}\0`) },
  { id: 'idt-iss-nul/sub', reason: 'CLAIM_MALFORMED', idToken: change('sub', (v) => `${v}\0`) },
];

const SUBJECT_AND_AUDIENCE = [
  ...Object.entries(WRONG_TYPES).map(([kind, value]) => ({
    id: `idt-sub-type/${kind}`,
    reason: ['CLAIM_MALFORMED', 'CLAIM_MISSING'],
    idToken: claim('sub', value),
  })),
  { id: 'idt-sub-type/absent', reason: 'CLAIM_MISSING', idToken: claim('sub') },
  { id: 'idt-sub-type/256-characters', reason: 'CLAIM_MALFORMED', idToken: claim('sub', 'x'.repeat(256)) },
  { id: 'idt-aud-wrong', reason: 'AUDIENCE_MISMATCH', idToken: change('aud', (v) => `${v}1`) },
  { id: 'idt-aud-missing', reason: 'CLAIM_MISSING', idToken: claim('aud') },
  { id: 'idt-aud-near-miss/case', reason: 'AUDIENCE_MISMATCH', idToken: claim('aud', 'Broker') },
  { id: 'idt-aud-near-miss/prefix', reason: 'AUDIENCE_MISMATCH', idToken: claim('aud', 'broke') },
  { id: 'idt-aud-near-miss/space', reason: 'AUDIENCE_MISMATCH', idToken: claim('aud', 'broker ') },
  { id: 'idt-aud-near-miss/suffix', reason: 'AUDIENCE_MISMATCH', idToken: claim('aud', 'broker2') },
  { id: 'idt-aud-near-miss/nul-and-more', reason: ['AUDIENCE_MISMATCH', 'CLAIM_MALFORMED'], idToken: claim('aud', 'broker\0evil') },
  { id: 'idt-aud-near-miss/empty-array', reason: ['AUDIENCE_MISMATCH', 'CLAIM_MALFORMED'], idToken: claim('aud', []) },
  { id: 'idt-aud-near-miss/number-in-array', reason: ['CLAIM_MALFORMED', 'AUDIENCE_MISMATCH'], idToken: claim('aud', ['broker', 7]) },
  { id: 'idt-aud-array', idToken: claim('aud', ['broker']) },
  { id: 'idt-aud-multi-untrusted', reason: ['AUDIENCE_MISMATCH', 'AZP_MISMATCH', 'CLAIM_MISSING'], idToken: claim('aud', ['broker', 'broker1']) },
  { id: 'idt-azp-single-aud', idToken: claim('azp', 'broker') },
  { id: 'idt-azp-wrong', reason: 'AZP_MISMATCH', idToken: claim('azp', 'somebody') },
  { id: 'idt-email-is-not-identity', idToken: claim('email', 'victim@example.org') },
];

const TIMES = [
  { id: 'idt-exp-expired', reason: 'TOKEN_EXPIRED', idToken: (plan) => { plan.claims.exp = ago(360); } },
  { id: 'idt-exp-missing', reason: 'CLAIM_MISSING', idToken: claim('exp') },
  { id: 'idt-exp-leeway/inside', idToken: (plan) => { plan.claims.exp = ago(50); } },
  { id: 'idt-exp-leeway/outside', reason: 'TOKEN_EXPIRED', idToken: (plan) => { plan.claims.exp = ago(60); } },
  ...[1e300, 2 ** 63, 2 ** 64, -1, 0].map((exp) => ({
    id: `idt-exp-range/${exp}`,
    reason: ['CLAIM_MALFORMED', 'TOKEN_EXPIRED'],
    idToken: claim('exp', exp),
  })),
  { id: 'idt-exp-range/milliseconds', reason: 'CLAIM_MALFORMED', idToken: (plan) => { plan.claims.exp = Date.now() + 300_000; } },
  { id: 'idt-exp-range/text', reason: 'CLAIM_MALFORMED', idToken: change('exp', String) },
  { id: 'idt-exp-fraction', idToken: change('exp', (v) => v + 0.5) },
  { id: 'idt-exp-2038', idToken: claim('exp', 2 ** 31 + 1000) },
  { id: 'idt-iat-future', reason: 'ISSUED_IN_FUTURE', idToken: (plan) => { plan.claims.iat = ago(-3600); plan.claims.exp = ago(-7200); } },
  { id: 'idt-iat-future/inside-leeway', idToken: (plan) => { plan.claims.iat = ago(-50); } },
  { id: 'idt-iat-missing', reason: 'CLAIM_MISSING', idToken: claim('iat') },
  { id: 'idt-iat-week-old', reason: 'ISSUED_TOO_LONG_AGO', idToken: (plan) => { plan.claims.iat = ago(7 * 86400); } },
  { id: 'idt-nbf-future', reason: 'TOKEN_NOT_YET_VALID', idToken: (plan) => { plan.claims.nbf = ago(-3600); } },
  { id: 'idt-nbf-future/inside-leeway', idToken: (plan) => { plan.claims.nbf = ago(-50); } },
  { id: 'idt-op-clock-skew/ahead-inside', idToken: shiftClock(50) },
  { id: 'idt-op-clock-skew/behind-inside', idToken: shiftClock(-50) },
  { id: 'idt-op-clock-skew/ahead', reason: ['ISSUED_IN_FUTURE', 'TOKEN_NOT_YET_VALID'], idToken: shiftClock(120) },
  { id: 'idt-op-clock-skew/behind', reason: 'TOKEN_EXPIRED', idToken: shiftClock(-420) },
];

const swapCase = (text) => text.replace(/[a-z]/gi, (c) => (c < 'a' ? c.toLowerCase() : c.toUpperCase()));

const NONCE = [
  { id: 'idt-nonce-wrong', reason: 'NONCE_MISMATCH', idToken: change('nonce', (v) => `${v}1`) },
  { id: 'idt-nonce-missing', reason: ['NONCE_MISMATCH', 'CLAIM_MISSING'], idToken: claim('nonce') },
  { id: 'idt-nonce-compare/space', reason: 'NONCE_MISMATCH', idToken: change('nonce', (v) => `${v} `) },
  { id: 'idt-nonce-compare/case', reason: 'NONCE_MISMATCH', idToken: change('nonce', swapCase) },
  { id: 'idt-nonce-compare/prefix', reason: 'NONCE_MISMATCH', idToken: change('nonce', (v) => v.slice(0, -1)) },
  { id: 'idt-nonce-compare/zeros', reason: 'NONCE_MISMATCH', idToken: change('nonce', (v) => `00${v}`) },
  { id: 'idt-nonce-compare/array', reason: ['CLAIM_MALFORMED', 'NONCE_MISMATCH'], idToken: change('nonce', (v) => [v]) },
  { id: 'idt-nonce-compare/number', reason: ['CLAIM_MALFORMED', 'NONCE_MISMATCH'], idToken: claim('nonce', 7) },
];

const maxAge = { max_age: { seconds: 600 } };
const acr = { acr_values: ['urn:example:mfa'] };

const AUTHENTICATION = [
  { id: 'idt-acr-met', request: acr, idToken: claim('acr', 'urn:example:mfa') },
  { id: 'idt-acr-unmet/absent', request: acr, reason: ['ACR_NOT_MET', 'CLAIM_MISSING'], idToken: claim('acr') },
  { id: 'idt-acr-unmet/lower', request: acr, reason: 'ACR_NOT_MET', idToken: claim('acr', 'urn:example:pwd') },
  { id: 'idt-acr-unmet/empty', request: acr, reason: ['ACR_NOT_MET', 'CLAIM_MALFORMED'], idToken: claim('acr', '') },
  { id: 'idt-acr-unmet/array', request: acr, reason: 'CLAIM_MALFORMED', idToken: claim('acr', ['urn:example:mfa']) },
  { id: 'idt-authtime-missing', request: maxAge, reason: 'AUTH_TIME_MISSING', idToken: claim('auth_time') },
  { id: 'idt-authtime-old', request: maxAge, reason: 'AUTH_TIME_TOO_OLD', idToken: (plan) => { plan.claims.auth_time = ago(600 + 120); } },
  { id: 'idt-maxage-zero', request: { max_age: { seconds: 0 } }, idToken: () => {} },
  { id: 'idt-maxage-zero/old', request: { max_age: { seconds: 0 } }, reason: 'AUTH_TIME_TOO_OLD', idToken: (plan) => { plan.claims.auth_time = ago(300); } },
  { id: 'idt-org-right', request: { organization: 'org_1' }, idToken: claim('org_id', 'org_1') },
  { id: 'idt-org-wrong', request: { organization: 'org_1' }, reason: 'ORGANIZATION_MISMATCH', idToken: claim('org_id', 'org_2') },
  { id: 'idt-org-missing', request: { organization: 'org_1' }, reason: ['ORGANIZATION_MISMATCH', 'CLAIM_MISSING'], idToken: claim('org_id') },
];

export const CLAIM_CASES = [...ISSUER, ...SUBJECT_AND_AUDIENCE, ...TIMES, ...NONCE, ...AUTHENTICATION];
