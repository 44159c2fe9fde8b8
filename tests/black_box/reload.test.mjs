// A changed configuration is taken over while the broker runs, the whole of it or nothing.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import grpc from '@grpc/grpc-js';
import { Broker, baseConfig } from './harness/broker.mjs';
import { Authority } from './harness/certificates.mjs';
import { eventually, scratchFolder } from './harness/child.mjs';
import { REJECTED, fails } from './harness/expect.mjs';
import { HostileWorld, clientConfig, providerConfig } from './harness/hostile_world.mjs';
import { METRICS, scrape } from './harness/metrics.mjs';
import { connect, connectAdmin } from './harness/rpc.mjs';
import { secret } from './harness/secrets.mjs';

const CLIENT_UNKNOWN = { code: 'NOT_FOUND', reason: 'CLIENT_UNKNOWN' };

describe('reloading', () => {
  let world;
  let admin;
  let config; // what the file says
  before(async () => {
    config = {
      callers: [{ name: 'tests', clients: ['*'], rpcs: ['*', 'Admin/*'], grants: 'own' }],
      telemetry: { log: { level: 'debug' }, ...METRICS },
      server: { watch_interval: '0s' },
    };
    world = await HostileWorld.start({ size: 12, config });
    config = { ...world.config, server: { listen: world.broker.address, ...config.server } };
    admin = connectAdmin(world.broker.address);
  });
  after(async () => {
    admin?.close();
    await world?.stop();
  });

  // Replaces the file in one step, as whoever does it well.
  function write(what, broker = world.broker) {
    const text = typeof what === 'string' ? what : JSON.stringify(what);
    writeFileSync(`${broker.configFile}.new`, text);
    renameSync(`${broker.configFile}.new`, broker.configFile);
  }

  // After SIGHUP the log says what came of it.
  async function hangUp() {
    const from = world.broker.output.length;
    world.broker.child.process.kill('SIGHUP');
    return eventually(() => /configuration (?:reloaded|refused).*/.exec(world.broker.output.slice(from))?.[0], 'the log says what came of it');
  }

  it('takes a client over that was not there, and forgets one that is gone', async () => {
    const one = world.newCase();
    await one.run();
    await one.token();
    const other = clientConfig('another', secret('client secret', randomBytes(24).toString('hex')), { provider: one.id });
    const begin = (client) => world.broker.rpc.CreateAuthorizationUrl({ client, redirect_uri: other.redirect_uris[0], response_type: 'code' });
    await fails(begin('another'), CLIENT_UNKNOWN);
    write({ ...config, clients: [...config.clients, other] });
    assert.deepEqual((await admin.ReloadConfig()).changed_sections, ['clients']);
    await begin('another');
    await one.token();
    write(config);
    assert.match(await hangUp(), /"configuration reloaded","sections":"clients"|reloaded/);
    await fails(begin('another'), CLIENT_UNKNOWN);
    await one.token();
  });

  it('says so where nothing has changed', async () => {
    assert.deepEqual((await admin.ReloadConfig()).changed_sections, []);
  });

  it('goes by the new policy at once, also for cached tokens', async () => {
    const one = world.newCase();
    await one.run();
    await one.token();
    write({ ...config, callers: [{ ...config.callers[0], rpcs: ['GetGrant', 'Admin/*'] }] });
    assert.deepEqual((await admin.ReloadConfig()).changed_sections, ['callers']);
    for (let i = 0; i < 20; ++i) await fails(one.token(), { code: 'PERMISSION_DENIED', reason: 'CALLER_NOT_ALLOWED' });
    await world.broker.rpc.GetGrant({ grant_id: one.grantId });
    write(config);
    await admin.ReloadConfig();
    await one.token();
  });

  it('uses a changed client secret from a file', async () => {
    const one = world.newCase();
    const file = join(scratchFolder(), 'secret');
    const wrong = secret('client secret', randomBytes(24).toString('hex'));
    writeFileSync(file, wrong);
    const client = { ...config.clients.find(({ name }) => name === one.id), authentication: { client_secret_basic: { secrets: [{ file }] } } };
    write({ ...config, clients: [...config.clients.filter(({ name }) => name !== one.id), client] });
    await admin.ReloadConfig();
    await fails(one.run(), REJECTED);
    writeFileSync(file, one.op.clientSecret);
    assert.deepEqual((await admin.ReloadConfig()).changed_sections, ['clients']);
    await one.another().run();
    write(config);
    await admin.ReloadConfig();
  });

  it('keeps what a provider has been asked where its settings stay', async () => {
    const one = world.newCase();
    await one.run();
    const asked = one.count('discovery');
    write({ ...config, clients: config.clients.map((each) => ({ ...each, audiences: [] })) });
    await admin.ReloadConfig();
    await one.another().run();
    assert.equal(one.count('discovery'), asked);
    write(config);
    await admin.ReloadConfig();
  });

  const refused = {
    'a misspelt field': [() => ({ ...config, clinets: [] }), 'CONFIG_INVALID', /there is no such field; did you mean "clients"/],
    'no YAML': [() => 'server: [', 'CONFIG_INVALID', /is not valid YAML/],
    'an empty file': [() => '', 'CONFIG_INVALID', /the file is empty/],
    'a client of no provider': [() => ({ ...config, providers: [] }), 'CONFIG_INVALID', /there is no provider/],
    'another address': [() => ({ ...config, server: { ...config.server, listen: '127.0.0.1:1' } }), 'RESTART_REQUIRED', /a change of server takes effect only/],
    'another store': [() => ({ ...config, near_cache: { max_bytes: 2097152 } }), 'RESTART_REQUIRED', /near_cache/],
    'something good beside what needs a restart': [
      () => ({ ...config, clients: config.clients.slice(1), near_cache: { max_bytes: 2097152 } }), 'RESTART_REQUIRED', /Nothing was changed/],
  };
  for (const [what, [make, check, says]] of Object.entries(refused)) {
    it(`refuses ${what}, logs and counts it, and goes on as before`, async () => {
      const counted = (await scrape(world.broker)).value('tokenbroker_config_reloads_total', { outcome: 'refused' });
      write(make());
      const error = await fails(admin.ReloadConfig(), { code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST', facts: { check } });
      assert.match(error.text, says);
      assert.match(await hangUp(), /refused/);
      assert.equal((await scrape(world.broker)).value('tokenbroker_config_reloads_total', { outcome: 'refused' }), counted + 2);
      await world.broker.rpc.CreateAuthorizationUrl({ client: 'case-1', redirect_uri: config.clients[0].redirect_uris[0], response_type: 'code' });
      write(config);
      assert.deepEqual((await admin.ReloadConfig()).changed_sections, []);
    });
  }

  it('ends the stream of a caller who has lost the right to it with the next token', async () => {
    const one = world.newCase();
    await one.run();
    const watched = world.broker.rpc.WatchAccessToken({ grant_id: one.grantId });
    await watched.until(({ tokens }) => tokens.length === 1, 'the first token');
    write({ ...config, callers: [{ ...config.callers[0], rpcs: ['GetGrant', 'Admin/*'] }] });
    await admin.ReloadConfig();
    await admin.RefreshGrant({ grant_id: one.grantId });
    const failure = await watched.end;
    assert.equal(failure.reason, 'CALLER_NOT_ALLOWED', failure.message);
    assert.equal(watched.tokens.length, 1);
    write(config);
    await admin.ReloadConfig();
  });

  it('loses no call while it is done over and over', async () => {
    const one = world.newCase();
    await one.run();
    let going = true;
    const failures = [];
    const caller = async () => {
      while (going) await one.token().catch((error) => failures.push(error.message));
    };
    const callers = Array.from({ length: 8 }, caller);
    for (let i = 0; i < 20; ++i) {
      write({ ...config, clients: config.clients.map((each) => ({ ...each, client_id: each.client_id, acr_values: i % 2 ? ['x'] : [] })) });
      await admin.ReloadConfig();
    }
    going = false;
    await Promise.all(callers);
    assert.deepEqual(failures, []);
    write(config);
    await admin.ReloadConfig();
  });

  it('happens by itself when a file has changed', async () => {
    const own = { ...config, server: { watch_interval: '100ms' } };
    const broker = await Broker.start(own);
    const file = JSON.parse(JSON.stringify({ ...own, server: { listen: broker.address, ...own.server } }));
    write({ ...file, providers: [...file.providers, providerConfig('https://new.example.org/', 'new')] }, broker);
    await eventually(() => broker.output.includes('configuration reloaded'), 'the change is seen');
    write('nonsense: true', broker);
    await eventually(() => broker.output.includes('configuration refused'), 'the mistake is seen');
    await broker.stop();
  });
});

describe('reloading the server certificate', () => {
  const folder = scratchFolder();
  const files = { certificate_file: join(folder, 'tls.crt'), private_key_file: join(folder, 'tls.key') };
  const [before_, after_, stranger] = [new Authority(), new Authority(), new Authority()];
  let broker;

  function write({ cert, key }) {
    for (const [file, pem] of [[files.certificate_file, cert], [files.private_key_file, key]]) {
      writeFileSync(`${file}.new`, pem);
      renameSync(`${file}.new`, file);
    }
  }

  // A call over a connection of its own, of a caller who trusts `authority` alone.
  async function call(authority) {
    const rpc = connect(broker.address, { credentials: grpc.credentials.createSsl(authority.ca), channel: { 'grpc.use_local_subchannel_pool': 1 } });
    try {
      await rpc.ListGrants({}, { deadlineMs: 3000 });
    } finally {
      rpc.close();
    }
  }
  const isRefused = (authority) => assert.rejects(call(authority), { code: 'UNAVAILABLE' });

  async function hangUp() {
    const from = broker.output.length;
    broker.child.process.kill('SIGHUP');
    return eventually(() => /configuration (?:reloaded|refused).*/.exec(broker.output.slice(from))?.[0], 'the log says what came of it');
  }

  before(async () => {
    mkdirSync(folder, { recursive: true });
    write(before_.issue('IP:127.0.0.1'));
    broker = await Broker.start(baseConfig({ server: { tls: files, watch_interval: '0s' } }), { credentials: grpc.credentials.createSsl(before_.ca) });
  });
  after(() => broker?.stop());

  it('shows the new one to new connections and leaves those that are open', async () => {
    await broker.rpc.ListGrants({});
    await isRefused(after_);
    write(after_.issue('IP:127.0.0.1'));
    await isRefused(after_);
    assert.match(await hangUp(), /reloaded.*server/);
    await call(after_);
    await isRefused(before_);
    await broker.rpc.ListGrants({});
  });

  const good = () => after_.issue('IP:127.0.0.1');
  const bad = {
    'a certificate with the key of another': () => ({ ...good(), key: stranger.issue('IP:127.0.0.1').key }),
    'a certificate that is none': () => ({ ...good(), cert: 'half a certifi' }),
    'an empty key': () => ({ ...good(), key: '' }),
  };
  for (const [what, make] of Object.entries(bad)) {
    it(`refuses ${what} and goes on with the old one`, async () => {
      write(make());
      assert.match(await hangUp(), /refused.*tls\.(?:crt|key)/);
      await call(after_);
    });
  }

  it('takes a good one after bad ones', async () => {
    write(stranger.issue('IP:127.0.0.1'));
    assert.match(await hangUp(), /reloaded.*server/);
    await call(stranger);
    await isRefused(after_);
  });
});
