// What providers say that is odd: errors in every form, HTTP that is unusual but right, and bytes that
// nobody asked for.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DENIED, LIMITED, PROTO, REJECTED, RELOGIN, UP, fails } from './harness/expect.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { plain } from './harness/rpc.mjs';

describe('odd providers', () => {
  let world;
  before(async () => {
    world = await HostileWorld.start({
      size: 90,
      provider: { request_timeout: '3s', connect_timeout: '1s' },
      client: { refresh: { floor: '0s' } },
    });
  });
  after(() => world?.stop());

  async function signedIn(settings) {
    const signIn = world.newCase(settings);
    await signIn.run('code');
    signIn.held = (await signIn.token()).access_token;
    return signIn;
  }
  const renew = (signIn) => signIn.token({ rejected_access_token: signIn.held });
  const json = { 'content-type': 'application/json' };

  const ENDED = 'GRANT_STATE_REAUTHORIZATION_REQUIRED';
  const ACTIVE = 'GRANT_STATE_ACTIVE';
  for (const [status, body, expected, state] of [
    [400, { error: 'invalid_grant' }, RELOGIN, ENDED],
    [401, { error: 'invalid_grant' }, RELOGIN, ENDED],
    [403, { error: 'invalid_grant', error_description: 'Unknown or invalid refresh token.' }, RELOGIN, ENDED],
    [500, { error: 'invalid_grant' }, UP, ACTIVE],
    [503, { error: 'invalid_grant' }, UP, ACTIVE],
    [200, { error: 'invalid_grant' }, PROTO(), ACTIVE],
    [302, { error: 'invalid_grant' }, PROTO(), ACTIVE],
    [400, { error: 'Invalid_Grant' }, PROTO(), ACTIVE],
    [400, { error: 'invalid_grant ' }, PROTO(), ACTIVE],
    [400, { error: ['invalid_grant'] }, PROTO(), ACTIVE],
    [400, { error: { code: 'invalid_grant' } }, PROTO(), ACTIVE],
    [400, '{"error":"invalid_grant","error":"server_error"}', PROTO(), ACTIVE],
    [400, 'error=invalid_grant', PROTO(), ACTIVE],
    [400, { error: 'invalid_request' }, PROTO(), ACTIVE],
    [400, { error: 'unsupported_grant_type' }, PROTO(), ACTIVE],
    [400, { error: 'unauthorized_client' }, REJECTED, ACTIVE],
    [401, { error: 'invalid_client' }, REJECTED, ACTIVE],
    [400, { error: 'invalid_scope' }, DENIED({ error: 'invalid_scope' }), ACTIVE],
    [403, { error: 'access_denied' }, DENIED({ error: 'access_denied' }), ACTIVE],
    [400, { error: 'temporarily_unavailable' }, UP, ACTIVE],
    [400, { error: 'server_error' }, UP, ACTIVE],
    [429, { error: 'too_many_requests' }, LIMITED, ACTIVE],
    [500, { error: 'access_denied', error_description: 'Global limit has been reached' }, LIMITED, ACTIVE],
    [404, '', PROTO(), ACTIVE],
  ]) {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    it(`ref-error-words: ${status} ${text}`, async () => {
      const signIn = await signedIn();
      signIn.op.next('token', { instead: { status, headers: json, body: text } });
      await fails(renew(signIn), expected);
      const { grant } = await signIn.rpc.GetGrant({ grant_id: signIn.grantId });
      assert.equal(grant.state, state);
      if (state === ACTIVE) assert.equal((await signIn.token()).access_token, signIn.held);
      else await fails(signIn.token(), RELOGIN);
      assert.equal(signIn.count('token'), 2);
    });
  }

  it('ref-error-words: what a provider writes beside its error goes nowhere', async () => {
    const signIn = await signedIn();
    const description = `secret of the provider ${'x'.repeat(100)}`;
    signIn.op.next('token', { instead: { status: 403, headers: json, body: JSON.stringify({ error: 'access_denied', error_description: description, error_uri: 'https://evil.example.org' }) } });
    const error = await fails(renew(signIn), DENIED());
    assert.ok(!`${error.text}${JSON.stringify(error.facts)}`.includes('secret of'), error.message);
    assert.ok(!world.broker.output.includes('secret of the provider'));
  });

  // The answer of the token endpoint in other forms that HTTP allows.
  const lines = (headers) => Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const chunked = (body, size, extension = '') => {
    const bytes = Buffer.from(body);
    let text = '';
    for (let at = 0; at < bytes.length; at += size) {
      const part = bytes.subarray(at, at + size);
      text += `${part.length.toString(16)}${extension}\r\n${part.toString('latin1')}\r\n`;
    }
    return text;
  };
  const FORMS = {
    'HTTP/1.0': ({ body }) => `HTTP/1.0 200 OK\r\n${lines(json)}\r\n${body}`,
    'no length, ended by closing': ({ body }) => `HTTP/1.1 200 OK\r\n${lines(json)}connection: close\r\n\r\n${body}`,
    'names in capitals': ({ body }) => `HTTP/1.1 200 OK\r\nCONTENT-TYPE: application/json\r\nCONTENT-LENGTH: ${body.length}\r\n\r\n${body}`,
    'no reason phrase': ({ body }) => `HTTP/1.1 200 \r\n${lines(json)}content-length: ${body.length}\r\n\r\n${body}`,
    'chunks of one byte': ({ body }) => `HTTP/1.1 200 OK\r\n${lines(json)}transfer-encoding: chunked\r\n\r\n${chunked(body, 1)}0\r\n\r\n`,
    'chunk extensions and trailers': ({ body }) => `HTTP/1.1 200 OK\r\n${lines(json)}transfer-encoding: chunked\r\n\r\n${chunked(body, 100, ';a=b')}0\r\nx-trailer: 1\r\n\r\n`,
    'interim answers first': ({ body }) => `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\n${lines(json)}content-length: ${body.length}\r\n\r\n${body}`,
    'white space around the JSON': ({ body }) => `HTTP/1.1 200 OK\r\n${lines(json)}\r\n \r\n\t${body}\n\n`,
  };
  for (const [kind, form] of Object.entries(FORMS)) {
    it(`http-unusual-but-right: ${kind}`, async () => {
      const signIn = world.newCase();
      signIn.op.next('token', { response: (answer) => ({ raw: form(answer) }) });
      await signIn.run('code');
      assert.ok((await signIn.token()).access_token);
    });
  }

  for (const [kind, delayMs] of [['at once', 0], ['a little later', 30]]) {
    it(`http-left-over-bytes: a second answer that nobody asked for, sent ${kind}, answers nothing`, async () => {
      const signIn = await signedIn();
      const forged = JSON.stringify({ access_token: 'of-the-attacker', token_type: 'Bearer', expires_in: 3600 });
      const extra = `HTTP/1.1 200 OK\r\n${lines(json)}content-length: ${forged.length}\r\n\r\n${forged}`;
      for (let i = 0; i < 5; ++i) {
        signIn.op.next('token', { response: (answer) => ({ ...answer, leftOver: { bytes: extra, delayMs } }) });
        const fresh = await renew(signIn);
        assert.notEqual(fresh.access_token, 'of-the-attacker');
        signIn.held = fresh.access_token;
        if (delayMs) await new Promise((resolve) => { setTimeout(resolve, 2 * delayMs); });
        assert.equal(plain((await signIn.rpc.GetUserInfo({ grant_id: signIn.grantId })).claims).sub, 'user-1');
      }
    });
  }

  for (const [kind, type] of [['HTML', 'text/html'], ['text', 'text/plain'], ['a JWT', 'application/jwt'], ['problem JSON', 'application/problem+json'], ['none', undefined]]) {
    it(`ui-content-type: JSON that is called ${kind}`, async () => {
      const signIn = await signedIn();
      signIn.op.next('userinfo', { response: ({ body }) => ({ status: 200, headers: type ? { 'content-type': type } : {}, body }) });
      const error = await signIn.rpc.GetUserInfo({ grant_id: signIn.grantId }).then(() => assert.fail('accepted'), (e) => e);
      assert.equal(error.reason, 'PROVIDER_RESPONSE_INVALID', error.message);
    });
  }

  for (const status of [201, 204, 206, 304, 404, 418]) {
    it(`ui-status-odd: ${status}`, async () => {
      const signIn = await signedIn();
      signIn.op.next('userinfo', { response: (answer) => ({ ...answer, status, body: [204, 304].includes(status) ? '' : answer.body }) });
      await fails(signIn.rpc.GetUserInfo({ grant_id: signIn.grantId }), PROTO());
    });
  }

  for (const [status, expected] of [[429, LIMITED], [500, UP], [503, UP], [403, DENIED()]]) {
    it(`ui-status-odd: ${status} with nothing in it`, async () => {
      const signIn = await signedIn();
      signIn.op.next('userinfo', { instead: { status } });
      await fails(signIn.rpc.GetUserInfo({ grant_id: signIn.grantId }), expected);
      assert.equal((await signIn.token()).access_token, signIn.held, 'the grant is as it was');
    });
  }
});
