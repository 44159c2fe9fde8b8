// Token exchange (RFC 8693).
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ARG, DENIED, LIMITED, PROTO, REJECTED, UP, fails } from './harness/expect.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { seconds } from './harness/rpc.mjs';

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const JWT = 'urn:ietf:params:oauth:token-type:jwt';
const DENY = (reason) => ({ code: 'INVALID_ARGUMENT', reason });

let world;
before(async () => {
  world = await HostileWorld.start({
    size: 60,
    client: { token_exchange: true },
    provider: { request_timeout: '2s', connect_timeout: '1s' },
  });
});
after(() => world?.stop());

// A case with a token at hand; `exchange(request)` exchanges it.
async function prepared() {
  const at = world.newCase();
  await at.run('code');
  const { access_token: token } = await at.token();
  at.exchange = (request = {}) =>
    at.rpc.ExchangeToken({ client: at.client, subject_token: token, subject_token_type: ACCESS_TOKEN, ...request });
  at.subjectToken = token;
  at.tokenRequests = at.count('token');
  return at;
}
const sent = (at) => at.op.requests('token').slice(at.tokenRequests).map(({ form }) => form);
const json = (change) => ({ json: (body) => { change(body); return body; } });

describe('token exchange', () => {
  it('tex-happy: one request, nothing cached', async () => {
    const at = await prepared();
    const first = await at.exchange({ scopes: ['read'], requested_token_type: ACCESS_TOKEN, audience: 'https://api.example.org/a', resources: ['https://api.example.org/b'] });
    assert.equal(first.issued_token_type, ACCESS_TOKEN);
    assert.equal(first.token_type, 'Bearer');
    assert.deepEqual(first.scopes, ['read']);
    assert.equal(first.generation, 0);
    assert.ok(Math.abs(seconds(first.expires_at) - Date.now() / 1000 - 60) < 10);
    assert.notEqual(first.access_token, at.subjectToken);
    const second = await at.exchange({ scopes: ['read'] });
    assert.notEqual(second.access_token, first.access_token);
    const [form] = sent(at);
    assert.deepEqual(form, {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: at.subjectToken,
      subject_token_type: ACCESS_TOKEN,
      requested_token_type: ACCESS_TOKEN,
      scope: 'read',
      audience: 'https://api.example.org/a',
      resource: 'https://api.example.org/b',
    });
  });

  it('tex-actor: the acting party is named', async () => {
    const at = await prepared();
    await at.exchange({ actor_token: 'actor-token', actor_token_type: JWT });
    const [form] = sent(at);
    assert.deepEqual([form.actor_token, form.actor_token_type], ['actor-token', JWT]);
  });

  it('tex-no-access-token: N_A where it is none', async () => {
    const at = await prepared();
    at.op.next('token', json((body) => { Object.assign(body, { token_type: 'N_A', issued_token_type: JWT }); delete body.expires_in; }));
    const answer = await at.exchange();
    assert.deepEqual([answer.token_type, answer.issued_token_type, answer.expires_at], ['N_A', JWT, null]);
  });

  it('tex-refresh-token: one that comes along is not handed out', async () => {
    const at = await prepared();
    at.op.next('token', json((body) => { body.refresh_token = at.op.secret('rt_exchanged_refresh_token'); }));
    assert.ok(!JSON.stringify(await at.exchange()).includes('rt_exchanged'));
  });

  for (const [id, check, change] of [
    ['tex-issued-type/missing', 'MEMBER_MISSING', (body) => { delete body.issued_token_type; }],
    ['tex-issued-type/null', 'MEMBER_MALFORMED', (body) => { body.issued_token_type = null; }],
    ['tex-issued-type/no-uri', 'MEMBER_MALFORMED', (body) => { body.issued_token_type = 'jwt'; }],
    ['tex-issued-type/another', 'ISSUED_TOKEN_TYPE_UNEXPECTED', (body) => { body.issued_token_type = JWT; }],
    ['tex-issued-type/refresh-token', 'ISSUED_TOKEN_TYPE_UNEXPECTED', (body) => { body.issued_token_type = 'urn:ietf:params:oauth:token-type:refresh_token'; }],
    ['tex-token-type/missing', 'MEMBER_MISSING', (body) => { delete body.token_type; }],
    ['tex-token-type/N_A', 'TOKEN_TYPE_UNSUPPORTED', (body) => { body.token_type = 'N_A'; }],
    ['tex-token-type/mac', 'TOKEN_TYPE_UNSUPPORTED', (body) => { body.token_type = 'mac'; }],
    ['tex-token/missing', 'MEMBER_MISSING', (body) => { delete body.access_token; }],
    ['tex-token/array', 'MEMBER_MALFORMED', (body) => { body.access_token = ['x']; }],
    ['tex-error-in-success', 'ERROR_IN_SUCCESS', (body) => { body.error = 'invalid_request'; }],
  ]) {
    it(id, async () => {
      const at = await prepared();
      at.op.next('token', json(change));
      await fails(at.exchange({ requested_token_type: ACCESS_TOKEN }), PROTO(check));
      assert.equal(sent(at).length, 1);
    });
  }

  const answers = (status, error, headers = {}) => ({
    response: (answer) => ({ ...answer, status, headers: { ...answer.headers, ...headers }, body: JSON.stringify({ error }) }),
  });
  for (const [id, expected, tweak] of [
    ['tex-error/invalid_request', DENIED({ error: 'invalid_request' }), answers(400, 'invalid_request')],
    ['tex-error/invalid_grant', DENIED({ error: 'invalid_grant' }), answers(400, 'invalid_grant')],
    ['tex-error/invalid_target', DENIED({ error: 'invalid_target' }), answers(400, 'invalid_target')],
    ['tex-error/invalid_client', REJECTED, answers(401, 'invalid_client')],
    ['tex-error/unsupported', { code: 'FAILED_PRECONDITION', reason: 'OPERATION_NOT_SUPPORTED' }, answers(400, 'unsupported_grant_type')],
    ['tex-error/429', LIMITED, answers(429, 'slow_down', { 'retry-after': '7' })],
    ['tex-error/503', UP, answers(503, 'temporarily_unavailable')],
    ['tex-error/reset', UP, { response: () => ({ reset: true }) }],
    ['tex-error/hang', UP, { response: () => ({ hang: true }) }],
  ]) {
    it(id, async () => {
      const at = await prepared();
      at.op.next('token', tweak);
      await fails(at.exchange(), expected);
      assert.equal(sent(at).length, 1);
      // The grant is as it was.
      await at.token();
    });
  }

  it('tex-bad-subject-token', async () => {
    const at = await prepared();
    await fails(at.exchange({ subject_token: 'garbage' }), DENIED({ error: 'invalid_request' }));
  });

  for (const [id, expected, request] of [
    ['tex-request/no-subject', ARG('INVALID_REQUEST'), { subject_token: '' }],
    ['tex-request/no-type', ARG('INVALID_REQUEST'), { subject_token_type: '' }],
    ['tex-request/type-is-no-uri', ARG('INVALID_REQUEST'), { subject_token_type: 'access_token' }],
    ['tex-request/actor-without-type', ARG('INVALID_REQUEST'), { actor_token: 'x' }],
    ['tex-request/actor-type-alone', ARG('INVALID_REQUEST'), { actor_token_type: JWT }],
    ['tex-request/refresh-token', ARG('INVALID_REQUEST'), { requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' }],
    ['tex-policy/scope', DENY('SCOPE_NOT_ALLOWED'), { scopes: ['admin'] }],
    ['tex-policy/audience', DENY('AUDIENCE_NOT_ALLOWED'), { audience: 'https://evil.example.org/' }],
    ['tex-policy/resource', DENY('AUDIENCE_NOT_ALLOWED'), { resources: ['https://evil.example.org/'] }],
    ['tex-policy/client', { code: 'NOT_FOUND', reason: 'CLIENT_UNKNOWN' }, { client: 'nobody' }],
  ]) {
    it(`${id}: refused with nothing sent`, async () => {
      const at = await prepared();
      await fails(at.exchange(request), expected);
      assert.equal(sent(at).length, 0);
    });
  }

  it('tex-not-allowed: only for clients that are configured for it', async () => {
    const closed = await HostileWorld.start({ size: 1 });
    try {
      const at = closed.newCase();
      const call = at.rpc.ExchangeToken({ client: at.client, subject_token: 'x', subject_token_type: ACCESS_TOKEN });
      await fails(call, { code: 'FAILED_PRECONDITION', reason: 'OPERATION_NOT_SUPPORTED' });
      assert.equal(at.count('token'), 0);
    } finally {
      await closed.stop();
    }
  });
});
