// Metadata that is hostile, or that changes while sign-ins and grants depend on it.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { drop } from './harness/callback_world.mjs';
import { Authority } from './harness/certificates.mjs';
import { ARG, MISCONFIGURED, PROTO, UP, fails } from './harness/expect.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { StagedMachine } from './harness/staged_machine.mjs';
import { HostileServer } from '../providers/hostile/server.mjs';

describe('metadata', () => {
  let world;
  let machine;
  let elsewhere;
  let trusted;
  const authority = new Authority();
  before(async () => {
    machine = new StagedMachine();
    elsewhere = await HostileServer.start({ address: '127.0.0.3', tls: authority.issue('IP:127.0.0.3') });
    trusted = await HostileServer.start({ address: '127.0.0.4', tls: authority.issue('IP:127.0.0.4') });
    world = await HostileWorld.start({
      size: 60,
      provider: {
        request_timeout: '3s', connect_timeout: '1s', metadata_lifetime: '1m', maximum_staleness: '1h',
        trusted_endpoint_hosts: ['127.0.0.4'], ca_file: authority.caFile,
      },
      client: { refresh: { floor: '0s' } },
      options: { machine },
    });
  });
  after(async () => {
    await world?.stop();
    await Promise.all([elsewhere?.close(), trusted?.close()]);
  });

  function moveClocks(seconds) {
    machine.moveClock(seconds);
    for (const op of world.server.tenants) op.clockAhead = machine.ahead;
  }
  const newCase = (settings) => world.newCase({ clockAhead: machine.ahead, ...settings });
  const metadata = (members) => ({ json: (body) => JSON.parse(JSON.stringify({ ...body, ...members })) });

  it('disc-issuer-path: the well-known path comes after the issuer\'s, and issuers of one host are apart', async () => {
    const [a, b] = [newCase(), newCase()];
    await a.run('code id_token');
    await b.run('code id_token');
    assert.equal(a.op.requests('discovery')[0].url, `/t/${a.id}/.well-known/openid-configuration`);
    const { form_body: body } = (await a.begin(), a.authorize());
    await b.begin();
    const crossed = new URLSearchParams(body);
    crossed.set('state', b.begun.state);
    await fails(b.submit({ form_body: crossed.toString() }), ARG('ISSUER_MISMATCH'));
    assert.equal(b.count('token'), 1);
  });

  it('disc-warm-500: what was fetched goes on working, with a warning, until it is too old', async () => {
    const signIn = newCase();
    await signIn.run('code');
    signIn.op.always('discovery', { instead: { status: 500 } });
    moveClocks(120);
    await signIn.run('code');
    assert.ok(signIn.count('discovery') >= 2);
    assert.match(world.broker.output, /provider metadata cannot be renewed/);
    moveClocks(3600);
    await fails(signIn.begin(), UP);
    signIn.op.tweaks.clear();
    moveClocks(60);
    await signIn.run('code');
  });

  for (const [kind, spoil] of Object.entries({
    'another issuer': { issuer: 'https://evil.example.org' }, 'no keys': { jwks_uri: null }, 'plain http': { token_endpoint: 'http://op.example.org/' },
  })) {
    it(`disc-warm-500: metadata with ${kind} does not replace good metadata`, async () => {
      const signIn = newCase();
      await signIn.run('code');
      signIn.op.always('discovery', metadata(spoil));
      moveClocks(120);
      await signIn.run('code');
    });
  }

  it('disc-changed-mid-login: a code is not sent to a host that nobody knew when the sign-in began', async () => {
    const signIn = newCase();
    const evil = elsewhere.tenant(signIn.id);
    await signIn.begin('code id_token');
    const callback = signIn.authorize();
    signIn.op.always('discovery', metadata({ token_endpoint: `${evil.issuer}/token`, jwks_uri: `${evil.issuer}/jwks` }));
    moveClocks(61);
    await signIn.submit(callback);
    assert.equal(evil.log.length, 0);
    assert.equal(signIn.count('token'), 1);
    assert.match(world.broker.output, /provider metadata cannot be renewed/);
  });

  it('disc-changed-mid-login: another path on the same host is followed', async () => {
    const signIn = newCase();
    await signIn.begin('code');
    const callback = signIn.authorize();
    signIn.op.always('discovery', metadata({ token_endpoint: `${signIn.op.issuer}/token?moved=1` }));
    moveClocks(61);
    await signIn.submit(callback);
    assert.match(signIn.op.requests('token')[0].url, /moved=1/);
  });

  it('ref-token-endpoint-moved: a refresh token stays with the hosts it was sent to before', async () => {
    const signIn = newCase();
    const evil = elsewhere.tenant(signIn.id);
    await signIn.run('code');
    const { access_token: held } = await signIn.token();
    signIn.op.always('discovery', metadata({ token_endpoint: `${evil.issuer}/token`, revocation_endpoint: `${evil.issuer}/revoke` }));
    moveClocks(61);
    const { access_token: fresh } = await signIn.token({ rejected_access_token: held });
    assert.notEqual(fresh, held);
    await signIn.rpc.RevokeGrant({ grant_id: signIn.grantId });
    assert.equal(evil.log.length, 0);
  });

  it('ref-token-endpoint-moved: to a host that the operator named it goes', async () => {
    const signIn = newCase();
    await signIn.run('code');
    const { access_token: held } = await signIn.token();
    const op = trusted.tenant('moved', { ...signIn.op, log: [] });
    signIn.op.always('discovery', metadata({ token_endpoint: `${trusted.origin}/t/moved/token` }));
    moveClocks(61);
    await signIn.token({ rejected_access_token: held });
    assert.equal(op.requests('token').length, 1);
  });

  it('disc-malicious-endpoint: an honest provider\'s code is not sent on by a provider that names its endpoints', async () => {
    for (const type of ['code', 'code id_token']) {
      const [evil, honest] = [newCase(), newCase()];
      evil.op.always('discovery', metadata({ authorization_endpoint: `${honest.op.issuer}/authorize`, end_session_endpoint: `${honest.op.issuer}/end_session` }));
      await evil.begin(type);
      const callback = honest.authorize(evil.begun.authorization_url);
      await fails(evil.submit(callback), ARG('ISSUER_MISMATCH'));
      assert.equal(evil.count('token') + evil.count('userinfo'), 0);
    }
  });

  it('disc-malicious-endpoint: nor where the honest one says no iss, as its ID token has its own keys and name', async () => {
    const [evil, honest] = [newCase({ issParameter: false }), newCase()];
    honest.op.next('authorize', { params: drop('iss') });
    evil.op.always('discovery', metadata({ authorization_endpoint: `${honest.op.issuer}/authorize`, jwks_uri: `${honest.op.issuer}/jwks` }));
    evil.op.jwks = honest.op.jwks;
    await evil.begin('code id_token');
    const callback = honest.authorize(evil.begun.authorization_url);
    const reasons = ['ISSUER_MISMATCH', 'SIGNATURE_INVALID', 'KEY_NOT_FOUND'];
    await fails(evil.submit(callback), ARG(reasons));
    assert.equal(evil.count('token'), 0);
  });

  for (const [kind, supported, type] of [
    ['code alone', ['code'], 'code id_token'],
    ['another hybrid type', ['code id_token'], 'code token'],
    ['implicit types', ['id_token', 'id_token token'], 'code'],
  ]) {
    it(`disc-response-type-unsupported: ${kind}`, async () => {
      const signIn = newCase();
      signIn.op.always('discovery', metadata({ response_types_supported: supported }));
      await fails(signIn.begin(type), { ...MISCONFIGURED, facts: { member: 'response_types_supported' } });
    });
  }

  it('disc-response-type-unsupported: the order of the words is free', async () => {
    const signIn = newCase();
    signIn.op.always('discovery', metadata({ response_types_supported: ['id_token code'] }));
    await signIn.run('code id_token');
  });

  it('disc-missing-required: all of what is optional may be missing', async () => {
    const signIn = newCase();
    signIn.op.always('discovery', { json: ({ issuer, authorization_endpoint, token_endpoint, jwks_uri }) => ({ issuer, authorization_endpoint, token_endpoint, jwks_uri }) });
    await signIn.run('code id_token');
  });

  it('http-5xx-then-ok: a document is asked for again when a server stumbles', async () => {
    const signIn = newCase();
    for (const endpoint of ['discovery', 'jwks']) {
      signIn.op.next(endpoint, { instead: { status: endpoint === 'jwks' ? 502 : 500 } });
      signIn.op.next(endpoint, { instead: { status: 503 } });
    }
    await signIn.run('code id_token');
    assert.deepEqual([signIn.count('discovery'), signIn.count('jwks')], [3, 3]);
    const [first, second, third] = signIn.op.requests('discovery').map(({ at }) => at);
    assert.ok(third - second > second - first, 'each pause is longer');
  });

  for (const [kind, make] of Object.entries({
    'UTF-16': (text) => Buffer.from(text, 'utf16le'),
    'UTF-16 with its mark': (text) => Buffer.concat([Buffer.of(0xff, 0xfe), Buffer.from(text, 'utf16le')]),
    'Latin-1': (text) => Buffer.from(`{"x":"ü",${text.slice(1)}`, 'latin1'),
  })) {
    it(`http-charset: ${kind} is no JSON (RFC 8259, 8.1)`, async () => {
      for (const type of ['application/json', 'application/json; charset=utf-16']) {
        const signIn = newCase();
        signIn.op.next('token', { response: (answer) => ({ ...answer, headers: { 'content-type': type }, body: make(answer.body) }) });
        await fails(signIn.run('code'), PROTO());
      }
    });
  }

  for (const charset of ['utf-8', 'iso-8859-1', 'nonsense', '']) {
    it(`http-charset: UTF-8 is read as such, whatever "charset=${charset}" says`, async () => {
      const signIn = newCase({ claims: { name: 'Ådå 😀' } });
      signIn.op.next('token', { response: (answer) => ({ ...answer, headers: { 'content-type': `application/json; charset=${charset}` } }) });
      const { id_token_claims: claims } = await signIn.run('code');
      assert.equal(claims.fields.name.stringValue, 'Ådå 😀');
    });
  }
});
