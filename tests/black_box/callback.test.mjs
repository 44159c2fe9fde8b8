// Authorization responses: what browsers, attackers and providers bring to the callback.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CallbackWorld, add, drop, put } from './harness/callback_world.mjs';
import { RESPONSE_TYPES } from './harness/hostile_world.mjs';
import { ARG, BINDING, DENIED, STATE_UNKNOWN, UP, fails } from './harness/expect.mjs';

const HAPPY = {
  code: 'cb-happy-code-query',
  'code id_token': 'cb-happy-code-idtoken-formpost',
  'code token': 'cb-happy-code-token',
  'code id_token token': 'cb-happy-code-idtoken-token',
};

describe('authorization responses', () => {
  const world = new CallbackWorld();
  const { changed, refused } = world;
  before(() => world.start());
  after(() => world.stop());

  for (const type of RESPONSE_TYPES) {
    for (const mode of ['form_post', 'fragment', ...(type === 'code' ? ['query'] : [])]) {
      it(`${HAPPY[type]}: ${type} by ${mode} needs one token request`, async () => {
        const signIn = world.hostile.newCase();
        let front;
        signIn.op.next('authorize', {
          params: (list) => {
            front = new Map(list).get('access_token');
            return list;
          },
        });
        const answer = await signIn.run(type, { response_mode: mode });
        assert.equal(signIn.count('token'), 1);
        assert.equal(answer.front_channel_access_token, '');
        assert.equal(front === undefined, !type.includes(' token'));
        assert.notEqual((await signIn.token()).access_token, front);
      });
    }
  }

  it('cb-hybrid-by-query: a hybrid type is not to be had in a query', async () => {
    const signIn = world.hostile.newCase();
    const call = signIn.begin('code id_token', { response_mode: 'query' });
    await fails(call, ARG('RESPONSE_MODE_NOT_ALLOWED'));
  });

  it('cb-hybrid-by-query: a hybrid response in a query is refused', async () => {
    const signIn = world.hostile.newCase();
    await signIn.begin('code id_token', { response_mode: 'fragment' });
    const { redirect_url: url } = signIn.authorize();
    await refused(signIn, ARG('RESPONSE_MODE_MISMATCH'), { redirect_url: url.replace('#', '?') });
  });

  it('cb-state-missing', async () => {
    await refused(await changed('code id_token', drop('state')), STATE_UNKNOWN);
  });

  it('cb-state-unknown', async () => {
    const signIn = await changed('code id_token', (list) =>
      list.map(([name, value]) => [name, name === 'state' ? `${value}1` : value]));
    await refused(signIn, STATE_UNKNOWN);
  });

  for (const [kind, binding] of Object.entries({ absent: '', foreign: 'A'.repeat(43) })) {
    it(`cb-binding-mismatch: a binding that is ${kind} leaves the request pending`, async () => {
      const signIn = world.hostile.newCase();
      await signIn.begin();
      const callback = signIn.authorize();
      await refused(signIn, BINDING, callback, binding);
      assert.ok((await signIn.submit(callback)).grant.grant_id);
    });
  }

  it('cb-state-not-burned-by-forgery', async () => {
    const signIn = world.hostile.newCase();
    const { state } = await signIn.begin('code');
    const forged = { form_body: new URLSearchParams({ state, code: 'forged', iss: signIn.op.issuer }).toString() };
    await refused(signIn, BINDING, forged, 'B'.repeat(43));
    assert.ok((await signIn.submit(signIn.authorize())).grant.grant_id);
  });

  it('cb-state-replay: the same callback gets the same answer', async () => {
    const signIn = world.hostile.newCase();
    await signIn.begin();
    const callback = signIn.authorize();
    const [first, second] = [await signIn.submit(callback), await signIn.submit(callback)];
    assert.deepEqual(second.grant, first.grant);
    assert.deepEqual(second.id_token_claims, first.id_token_claims);
    assert.equal(signIn.count('token'), 1);
  });

  it('cb-state-replay: another callback with the same state is refused', async () => {
    const signIn = world.hostile.newCase();
    await signIn.begin('code');
    const callback = signIn.authorize();
    await signIn.submit(callback);
    const other = { form_body: callback.form_body.replace(/code=[^&]*/, 'code=other') };
    await fails(signIn.submit(other), STATE_UNKNOWN);
    assert.equal(signIn.count('token'), 1);
  });

  it('cb-state-race: fifty callbacks at once make one token request', async () => {
    const signIn = world.hostile.newCase();
    await signIn.begin();
    const callback = signIn.authorize();
    const answers = await Promise.allSettled(Array.from({ length: 50 }, () => signIn.submit(callback)));
    const grants = new Set();
    for (const { value, reason } of answers) {
      if (value) grants.add(value.grant.grant_id);
      else assert.deepEqual([reason.code, Boolean(reason.retryInfo)], ['UNAVAILABLE', true], reason.message);
    }
    assert.equal(grants.size, 1);
    assert.equal(signIn.count('token'), 1);
  });

  it('cb-consumed-before-exchange: a code is never sent twice', async () => {
    const signIn = world.hostile.newCase();
    signIn.op.next('token', { response: (answer) => ({ ...answer, status: 500 }) });
    await signIn.begin();
    const callback = signIn.authorize();
    await fails(signIn.submit(callback), UP);
    await fails(signIn.submit(callback), STATE_UNKNOWN);
    assert.equal(signIn.count('token'), 1);
  });

  it('cb-session-overwriting: a response is judged by its own request', async () => {
    const [a, b] = [world.hostile.newCase(), world.hostile.newCase()];
    await a.begin();
    const callback = a.authorize();
    await b.begin();
    assert.equal((await a.submit(callback)).grant.issuer, a.op.issuer);
    const crossed = new URLSearchParams(callback.form_body);
    crossed.set('state', b.begun.state);
    await fails(b.submit({ form_body: crossed.toString() }), ARG('ISSUER_MISMATCH'));
    assert.equal(b.count('token'), 0);
  });

  const refusal = (error) => (list) => put('error', error)(
    list.filter(([name]) => ['state', 'iss'].includes(name)),
  );

  it('says no with the provider\'s own word for it', async () => {
    await refused(await changed('code id_token', refusal('access_denied')), DENIED({ error: 'access_denied' }));
  });

  for (const [kind, word] of Object.entries({ spaced: 'foo bar', long: 'x'.repeat(1024), 'non-ASCII': 'nö' })) {
    it(`cb-error-unregistered: an error that is ${kind} is still a no`, async () => {
      const signIn = await changed('code', refusal(word));
      const error = await fails(signIn.submit(signIn.authorize()), DENIED());
      assert.ok(!/[^\x20-\x7e]/.test(JSON.stringify(error.facts)) && JSON.stringify(error.facts).length < 400);
    });
  }

  it('cb-error-and-code', async () => {
    await refused(await changed('code', add('error', 'access_denied')), ARG('CALLBACK_MALFORMED'));
  });

  it('cb-error-wrong-or-no-state', async () => {
    const signIn = await changed('code', (list) => put('state', 'nobody')(refusal('access_denied')(list)));
    await refused(signIn, STATE_UNKNOWN);
    assert.ok((await signIn.submit(signIn.authorize())).grant.grant_id);
  });

  it('cb-error-wrong-iss', async () => {
    const evil = (list) => put('iss', 'https://evil.example.org')(refusal('access_denied')(list));
    await refused(await changed('code', evil), ARG('ISSUER_MISMATCH'));
    const none = (list) => drop('iss')(refusal('access_denied')(list));
    await refused(await changed('code', none), ARG('ISSUER_MISSING'));
  });

  it('cb-iss-wrong', async () => {
    for (const type of RESPONSE_TYPES) {
      const wrong = (list) => list.map(([k, v]) => [k, k === 'iss' ? `${v}1` : v]);
      await refused(await changed(type, wrong), ARG('ISSUER_MISMATCH'));
    }
  });

  it('cb-iss-missing: an advertised iss must be there', async () => {
    await refused(await changed('code', drop('iss')), ARG('ISSUER_MISSING'));
  });

  it('cb-iss-missing: the iss of an ID token in the response will do (RFC 9207, 2.4)', async () => {
    const signIn = await changed('code id_token', drop('iss'));
    assert.ok((await signIn.submit(signIn.authorize())).grant.grant_id);
  });

  it('cb-iss-unadvertised', async () => {
    const settings = { issParameter: false };
    const right = (list, op) => add('iss', op)(list);
    const good = world.hostile.newCase(settings);
    good.op.next('authorize', { params: (list) => right(list, good.op.issuer) });
    await good.run('code');
    await refused(await changed('code', add('iss', 'https://evil.example.org'), settings), ARG('ISSUER_MISMATCH'));
  });

  for (const [kind, keepIss, type] of [['with iss', true, 'code'], ['with an ID token', false, 'code id_token']]) {
    it(`cb-mixup: an honest provider's code never reaches the evil one, ${kind}`, async () => {
      const [evil, honest] = [world.hostile.newCase(), world.hostile.newCase()];
      await evil.begin(type);
      const url = new URL(evil.begun.authorization_url);
      const bounced = `${honest.op.issuer}/authorize${url.search}`;
      honest.op.next('authorize', { params: keepIss ? undefined : drop('iss') });
      // The evil provider's keys do not fit the honest one's ID token, whichever is looked at first.
      const reasons = ['ISSUER_MISMATCH', 'KEY_NOT_FOUND', 'SIGNATURE_INVALID'];
      await refused(evil, ARG(reasons), evil.authorize.call({ op: honest.op, begun: { authorization_url: bounced } }));
    });
  }

  it('cb-extra-params-override', async () => {
    const signIn = world.hostile.newCase();
    for (const name of ['state', 'nonce', 'redirect_uri', 'response_type', 'client_id', 'code_challenge', 'response_mode', 'scope', 'code_challenge_method', 'request', 'request_uri']) {
      const call = signIn.begin('code', { extra_parameters: { [name]: 'x' } });
      await fails(call, ARG('PARAMETER_RESERVED'));
    }
  });

  it('cb-authorization request-randomness: states, nonces and bindings differ and are long', async () => {
    const signIn = world.hostile.newCase();
    const seen = new Set();
    for (let i = 0; i < 1000; ++i) {
      const begun = await signIn.begin('code id_token');
      const query = new URL(begun.authorization_url).searchParams;
      for (const value of [begun.state, query.get('nonce'), query.get('code_challenge'), begun.browser_binding]) {
        assert.match(value, /^[\w-]{22,}$/);
        seen.add(value);
      }
      assert.equal(query.get('state'), begun.state);
      assert.equal(query.get('code_challenge_method'), 'S256');
    }
    assert.equal(seen.size, 4000);
  });

  // Core section 4: the application receives `iss`, `login_hint` and `target_link_uri`, and asks for a
  // sign-in of a client of its own. What an attacker put there gets no further than this.
  it('cb-third-party-initiated: an issuer that is not configured cannot be named, and nothing is fetched', async () => {
    const signIn = world.hostile.newCase();
    const evil = world.hostile.server.tenant('uninvited');
    for (const name of [evil.issuer, `${evil.issuer}/`, 'uninvited']) {
      const call = signIn.rpc.CreateAuthorizationUrl({ client: name, redirect_uri: signIn.redirectUri });
      await fails(call, { code: 'NOT_FOUND', reason: 'CLIENT_UNKNOWN' });
    }
    await fails(signIn.begin('code', { redirect_uri: `${evil.issuer}/target` }), ARG(['REDIRECT_URI_NOT_REGISTERED', 'INVALID_REQUEST']));
    assert.deepEqual([evil.log, signIn.op.log], [[], []], 'no provider heard of it');
    await fails(signIn.begin('code', { extra_parameters: { iss: evil.issuer } }), ARG('PARAMETER_RESERVED'));
    assert.deepEqual(evil.log, []);
  });

  it('cb-third-party-initiated: scopes beyond the client\'s are refused, and nothing is fetched', async () => {
    const signIn = world.hostile.newCase();
    for (const scopes of [['openid', 'admin'], ['openid', 'read', 'everything']]) {
      const call = signIn.begin('code', { scopes, login_hint: 'victim' });
      await fails(call, ARG('SCOPE_NOT_ALLOWED'));
    }
    assert.deepEqual(signIn.op.log, []);
  });

  it('cb-third-party-initiated: a known issuer\'s client signs the user in', async () => {
    const signIn = world.hostile.newCase();
    await signIn.begin('code id_token', { login_hint: 'user-1' });
    assert.equal(new URL(signIn.begun.authorization_url).searchParams.get('login_hint'), 'user-1');
    assert.ok((await signIn.submit(signIn.authorize())).grant.grant_id);
  });

  it('a redirect URI that is not registered is refused', async () => {
    const signIn = world.hostile.newCase();
    for (const uri of [`${signIn.redirectUri}/`, `${signIn.redirectUri}?x`, `${signIn.redirectUri}#x`, 'https://evil.example.org/']) {
      const call = signIn.begin('code', { redirect_uri: uri });
      await fails(call, ARG(['REDIRECT_URI_NOT_REGISTERED', 'INVALID_REQUEST']));
    }
  });

  it('a callback to another redirect URI is refused', async () => {
    const signIn = world.hostile.newCase();
    await signIn.begin('code', { response_mode: 'query' });
    const { redirect_url: url } = signIn.authorize();
    const other = { redirect_url: url.replace('app.example.org', 'other.example.org') };
    await refused(signIn, ARG('REDIRECT_URI_MISMATCH'), other);
  });
});
