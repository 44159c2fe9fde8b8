// What people and outages do to a broker: each a clear word, nothing half-stored, and it stays up.
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { BINARY, Broker, baseConfig, redisStore, runBroker } from './harness/broker.mjs';
import { Child, eventually, freePort } from './harness/child.mjs';
import { ARG, REJECTED, UP, fails } from './harness/expect.mjs';
import { HostileWorld, clientConfig, providerConfig } from './harness/hostile_world.mjs';
import { Redis } from './harness/redis.mjs';
import { secret } from './harness/secrets.mjs';

const good = () => baseConfig({
  providers: [providerConfig('https://op.example.org', 'op')],
  clients: [clientConfig('op', secret('client secret', 'a secret that is long'))],
});

describe('configuration', () => {
  it('is accepted by --check when it is right', async () => {
    const { code, output } = await runBroker(good(), ['--check']);
    assert.equal(code, 0, output);
  });

  const broken = {
    'an unknown key': [(c) => { c.sevrer = {}; }, /sevrer/],
    'an unknown key inside': [(c) => { c.clients[0].redirect_uri = 'x'; }, /redirect_uri/],
    'a wrong type': [(c) => { c.providers = 'op'; }, /providers/],
    'a wrong number': [(c) => { c.server = { worker_threads: 'many' }; }, /worker_threads/],
    'a wrong duration': [(c) => { c.providers[0].clock_skew = 'soon'; }, /clock_skew/],
    'a client of no provider': [(c) => { c.clients[0].provider = 'nobody'; }, /provider/],
    'two clients of one name': [(c) => { c.clients.push(c.clients[0]); }, /clients\[1\].name/],
    'no issuer': [(c) => { delete c.providers[0].issuer; }, /issuer/],
    'an http issuer': [(c) => { c.providers[0].issuer = 'http://op.example.org'; }, /issuer/],
    'a redirect URI with a fragment': [(c) => { c.clients[0].redirect_uris = ['https://a.example.org/#x']; }, /redirect_uris/],
    'an inline secret without the switch': [(c) => { c.dev.allow_inline_secrets = false; }, /inline/],
    'a secret file that is missing': [(c) => { c.clients[0].authentication.client_secret_basic.secrets = [{ file: '/nowhere/x' }]; }, /secrets\[0\]: cannot be read/],
    'a secret variable that is not set': [(c) => { c.clients[0].authentication.client_secret_basic.secrets = [{ env: 'NOT_SET_ANYWHERE' }]; }, /secrets\[0\]: the environment variable is not set/],
    'Redis without encryption keys': [(c) => { c.store = { redis: { address: '127.0.0.1:6379' } }; }, /encryption/],
    'plaintext on a public address': [(c) => { c.server = { listen: '0.0.0.0:7070' }; }, /tls|TLS|loopback/],
    'algorithm none': [(c) => { c.providers[0].id_token_signing_algorithms = ['none']; }, /id_token_signing_algorithms/],
    'two providers of one issuer': [(c) => { c.providers.push({ ...c.providers[0], name: 'other' }); }, /issuer/],
  };

  for (const [kind, [spoil, named]] of Object.entries(broken)) {
    const id = kind === 'two providers of one issuer' ? 'disc-same-issuer-twice: ' : '';
    it(`${id}is refused with ${kind}, with the place named`, async () => {
      const config = good();
      spoil(config);
      // Whether secrets are there is a matter of the machine, which --check may not be run on.
      for (const args of kind.startsWith('a secret') ? [[]] : [['--check'], []]) {
        const { code, output, file } = await runBroker(config, args);
        assert.notEqual(code, 0, `${kind}: accepted`);
        assert.notEqual(code, null, `${kind}: did not end`);
        assert.match(output, named);
        assert.ok(output.includes(file), `${kind}: the file is not named in: ${output}`);
        assert.ok(!output.includes('a secret that is long'));
      }
    });
  }

  for (const [kind, text] of Object.entries({ 'no YAML': '{', 'a tab': 'a:\n\tb: 1', list: '- 1', binary: '\0\x01\xff' })) {
    it(`is refused where it is ${kind}`, async () => {
      const { code, output } = await runBroker(text, ['--check']);
      assert.ok(code !== 0 && code !== null, output);
      assert.notEqual(output, '');
    });
  }

  it('is refused where the file is missing', async () => {
    const child = new Child(BINARY, ['--config', '/nowhere/broker.yaml']);
    const { code } = await child.exited;
    assert.ok(code > 0);
    assert.match(child.output, /\/nowhere\/broker.yaml/);
  });

  it('is refused where the port is taken', async () => {
    const broker = await Broker.start(good());
    const { code, output } = await runBroker({ ...good(), server: { listen: broker.address } });
    assert.ok(code !== 0 && code !== null);
    assert.match(output, new RegExp(broker.address));
    await broker.stop();
  });
});

describe('requests', () => {
  let world;
  const start = async () => { world ??= await HostileWorld.start({ size: 12 }); return world; };
  after(() => world?.stop());

  it('for an unknown client are refused', async () => {
    const { broker } = await start();
    const request = { client: 'nobody', redirect_uri: 'https://x.example.org/' };
    await fails(broker.rpc.CreateAuthorizationUrl(request), { code: 'NOT_FOUND', reason: 'CLIENT_UNKNOWN' });
  });

  for (const [field, request, reason] of [
    ['client', { client: '' }, 'INVALID_REQUEST'],
    ['response_type', { response_type: 'token' }, 'RESPONSE_TYPE_NOT_ALLOWED'],
    ['response_type', { response_type: 'code code' }, 'RESPONSE_TYPE_NOT_ALLOWED'],
    ['response_mode', { response_mode: 'web_message' }, 'RESPONSE_MODE_NOT_ALLOWED'],
    ['scopes', { scopes: ['openid', 'admin'] }, 'SCOPE_NOT_ALLOWED'],
    ['scopes', { scopes: ['open id'] }, 'INVALID_REQUEST'],
    ['audience', { audience: 'https://evil.example.org/' }, 'AUDIENCE_NOT_ALLOWED'],
    ['max_age', { max_age: { seconds: -1 } }, 'INVALID_REQUEST'],
    ['caller_context', { caller_context: Buffer.alloc(4097) }, 'INVALID_REQUEST'],
  ]) {
    it(`with a bad ${field} name it (${JSON.stringify(request).slice(0, 40)})`, async () => {
      const signIn = (await start()).newCase();
      const call = signIn.begin('code id_token', request);
      const error = await call.then(() => assert.fail('accepted'), (e) => e);
      const alternatives = [reason, 'INVALID_REQUEST', 'CLIENT_UNKNOWN', 'SCOPE_NOT_ALLOWED'];
      assert.ok(error.reason === reason || (alternatives.includes(error.reason) && error.badRequest), error.message);
    });
  }

  it('exact percent-encoding: what is asked for arrives as it was', async () => {
    const signIn = (await start()).newCase();
    const odd = 'ü +&=#%/?\\"\'<>';
    await signIn.begin('code', { login_hint: odd, extra_parameters: { odd }, ui_locales: ['de-AT', 'en'] });
    const { search, searchParams } = new URL(signIn.begun.authorization_url);
    assert.equal(searchParams.get('login_hint'), odd);
    assert.equal(searchParams.get('odd'), odd);
    assert.equal(searchParams.get('ui_locales'), 'de-AT en');
    assert.match(search, /login_hint=%C3%BC(%20|\+)%2B%26%3D%23%25%2F%3F%5C%22%27%3C%3E/);
  });

  it('with a garbage page token are refused', async () => {
    const { broker } = await start();
    await fails(broker.rpc.ListGrants({ page_token: 'garbage' }), ARG('PAGE_TOKEN_INVALID'));
  });
});

describe('outages', () => {
  it('a provider that is down: the broker starts, and says so', async () => {
    const issuer = `http://127.0.0.1:${await freePort()}`;
    const broker = await Broker.start(baseConfig({
      providers: [providerConfig(issuer, 'op')],
      clients: [clientConfig('op', 'a secret that is long')],
    }));
    const request = { client: 'op', redirect_uri: 'https://app.example.org/callback/op', response_type: 'code' };
    await fails(broker.rpc.CreateAuthorizationUrl(request), UP);
    await broker.stop();
  });

  it('a wrong client secret is told apart', async () => {
    const world = await HostileWorld.start({ size: 1 });
    const signIn = world.newCase();
    signIn.op.clientSecret = 'was changed at the provider';
    await fails(signIn.run('code'), REJECTED);
    await world.stop();
  });

  it('st-store-down: at the start and later, nothing is begun, and it heals by itself', async () => {
    const port = await freePort();
    const world = await HostileWorld.start({ size: 1, config: redisStore(port, { command_timeout: '300ms', connect_timeout: '300ms' }) });
    const signIn = world.newCase();
    const DOWN = { code: 'UNAVAILABLE', reason: 'STORE_UNAVAILABLE', retry: true };
    await fails(signIn.begin(), DOWN);
    const redis = await Redis.start({ port });
    await eventually(() => signIn.run('code'), 'a sign-in once Redis is there', 15000);
    await redis.stop();
    await fails(signIn.begin(), DOWN);
    const again = await Redis.start({ port });
    await eventually(() => signIn.run('code'), 'a sign-in once Redis is back', 15000);
    again.pause();
    await fails(signIn.begin(), DOWN);
    again.resume();
    await eventually(() => signIn.run('code'), 'a sign-in once Redis answers', 15000);
    await world.stop();
    await again.stop();
  });

  it('st-store-down: a good token is still served, no code is spent and no refresh token sent', async () => {
    const redis = await Redis.start();
    const world = await HostileWorld.start({ size: 1, config: redisStore(redis.port, { command_timeout: '300ms', connect_timeout: '300ms' }) });
    const signIn = world.newCase();
    await signIn.run('code');
    const { access_token: held } = await signIn.token();
    await signIn.begin('code');
    const callback = signIn.authorize();
    await redis.stop();
    const DOWN = { code: 'UNAVAILABLE', reason: 'STORE_UNAVAILABLE', retry: true };
    await fails(signIn.submit(callback), DOWN);
    assert.equal(signIn.count('token'), 1, 'the second code was not sent');
    assert.equal((await signIn.token()).access_token, held);
    await fails(signIn.token({ rejected_access_token: held }), DOWN);
    assert.equal(signIn.count('token'), 1, 'no refresh token was presented');
    await world.stop();
  });
});
