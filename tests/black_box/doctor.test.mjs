// tokenctl doctor: what a broker depends on, looked at from where it runs.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { baseConfig, redisStore } from './harness/broker.mjs';
import { Authority } from './harness/certificates.mjs';
import { Child, freePort, scratchFolder } from './harness/child.mjs';
import { clientConfig, providerConfig } from './harness/hostile_world.mjs';
import { Redis } from './harness/redis.mjs';
import { leaksIn, recordOutput, secret } from './harness/secrets.mjs';
import { HostileServer } from '../providers/hostile/server.mjs';

const TOKENCTL = fileURLToPath(new URL('../../build/release/client/tokenctl/tokenctl', import.meta.url));

describe('tokenctl doctor', () => {
  let redis;
  let server;
  let op;
  let good; // a configuration of which all is well
  before(async () => {
    redis = await Redis.start();
    await redis.command('CONFIG SET appendonly yes');
    server = await HostileServer.start();
    const clientSecret = secret('client secret', randomBytes(24).toString('hex'));
    op = server.tenant('idp', { clientSecret });
    good = baseConfig({
      ...redisStore(redis.port),
      providers: [providerConfig(`${server.origin}/t/idp`, 'idp')],
      clients: [clientConfig('idp', clientSecret)],
      server: { listen: `127.0.0.1:${await freePort()}` },
    });
  });
  after(async () => {
    await server?.close();
    await redis?.stop();
  });

  async function doctor(config, ...args) {
    const file = join(scratchFolder(), 'broker.yaml');
    writeFileSync(file, typeof config === 'string' ? config : JSON.stringify(config));
    const child = new Child(TOKENCTL, ['doctor', `--config=${file}`, ...args]);
    recordOutput(child);
    const { code } = await child.exited;
    assert.deepEqual(leaksIn(child.output), []);
    return { code, file, output: child.output, stdout: child.stdout };
  }

  async function findings(config) {
    const { code, stdout, output } = await doctor(config, '--json');
    const all = stdout.trim().split('\n').map((line) => JSON.parse(line));
    const worst = all.some(({ verdict }) => verdict === 'fault') ? 1 : 0;
    assert.equal(code, worst, output);
    return all;
  }

  // Checks that there is one finding that is not well, of that kind, with something to do about it.
  async function isWrong(config, verdict, area, found, remedy) {
    const wrong = (await findings(config)).filter((each) => each.verdict !== 'ok');
    assert.equal(wrong.length, 1, JSON.stringify(wrong));
    assert.equal(wrong[0].verdict, verdict, JSON.stringify(wrong));
    assert.equal(wrong[0].area, area, JSON.stringify(wrong));
    assert.match(wrong[0].found, found);
    assert.match(wrong[0].remedy, remedy);
  }

  it('finds nothing where all is well, and changes nothing', async () => {
    const all = await findings(good);
    assert.deepEqual(all.filter(({ verdict }) => verdict !== 'ok'), []);
    assert.deepEqual([...new Set(all.map(({ area }) => area))].sort(), ['clock', 'config', 'provider', 'store']);
    assert.deepEqual(redis.keys('*'), []);
    assert.equal(op.requests('token').length, 0);
  });

  it('has a table for people', async () => {
    const { code, stdout } = await doctor({ ...good, store: { memory: {} }, encryption: undefined });
    assert.equal(code, 0, 'a warning is no fault');
    assert.match(stdout, /^VERDICT +CHECK +WHAT +FOUND\n/);
    assert.match(stdout, /^ok +provider +idp +publishes \d+ keys?$/m);
    assert.match(stdout, /^warning +store +memory +every grant is lost when the broker stops\n +-> configure store\.redis/m);
  });

  it('tells each fault of a configuration', async () => {
    const all = await findings({ ...good, clinets: [], near_cache: { max_bytes: 1 } });
    assert.deepEqual(all.map(({ verdict, area }) => [verdict, area]), [['fault', 'config'], ['fault', 'config']]);
    assert.match(all.map(({ found }) => found).join('\n'), /did you mean "clients"[^]*near_cache\.max_bytes/);
    const { code, stdout } = await doctor(good, '--config=/no/such/file');
    assert.equal(code, 1);
    assert.match(stdout, /FAULT +config/);
  });

  it('needs to be told of a configuration', async () => {
    const child = new Child(TOKENCTL, ['doctor']);
    assert.equal((await child.exited).code, 2);
  });

  const settings = {
    'evicts grants': ['CONFIG SET maxmemory-policy allkeys-lru', 'CONFIG SET maxmemory-policy noeviction', 'fault', /allkeys-lru/, /noeviction/],
    'writes nothing to disk': ['CONFIG SET appendonly no', 'CONFIG SET appendonly yes', 'fault', /a restart loses every grant/, /appendonly yes/],
  };
  for (const [what, [spoil, mend, verdict, found, remedy]] of Object.entries(settings)) {
    it(`says that Redis ${what}`, async () => {
      assert.match(await redis.command(spoil), /^\+OK/);
      await isWrong(good, verdict, 'store', found, remedy);
      await redis.command(mend);
    });
  }

  it('warns of a Redis that takes snapshots alone', async () => {
    await redis.command('CONFIG SET appendonly no');
    await redis.command('CONFIG SET save "3600 1"');
    await isWrong(good, 'warning', 'store', /since the last snapshot/, /appendonly yes/);
    await redis.command('CONFIG SET save ""');
    await redis.command('CONFIG SET appendonly yes');
  });

  it('says that Redis cannot be asked', async () => {
    const { store } = redisStore(await freePort());
    await isWrong({ ...good, store }, 'fault', 'store', /cannot be asked/, /start Redis/);
    const password = { inline: secret('password', randomBytes(12).toString('hex')) };
    await isWrong({ ...good, store: { redis: { ...good.store.redis, username: 'nobody', password } } }, 'fault', 'store', /cannot be asked/, /password/);
  });

  it('says that Redis was filled with other sealing keys', async () => {
    const filled = await Redis.start();
    await filled.command('CONFIG SET appendonly yes');
    await filled.command('SET tb:index-key nonsense');
    const { store } = redisStore(filled.port);
    await isWrong({ ...good, store }, 'fault', 'store', /other sealing keys/, /encryption\.keys/);
    await filled.stop();
  });

  it('says what is wrong with a provider', async () => {
    const gone = { ...good, providers: [providerConfig(`http://127.0.0.1:${await freePort()}/t/idp`, 'idp')] };
    await isWrong(gone, 'fault', 'provider', /connect/, /open the way/);
    const unresolved = { ...good, providers: [{ ...providerConfig('https://idp.invalid/', 'idp') }] };
    await isWrong(unresolved, 'fault', 'provider', /dns/, /name resolution/);
    op.next('discovery', { json: (metadata) => ({ ...metadata, issuer: 'https://somebody.else.example' }) });
    await isWrong(good, 'fault', 'provider', /./, /issuer/);
    op.next('jwks', { instead: { status: 500 } });
    await isWrong(good, 'fault', 'provider', /its keys/, /./);
    op.next('jwks', { json: () => ({ keys: [] }) });
    await isWrong(good, 'fault', 'provider', /no key/, /jwks_uri/);
  });

  it('says that clocks differ', async () => {
    const off = (milliseconds) => ({
      response: (answer) => ({ ...answer, headers: { ...answer.headers, date: new Date(Date.now() + milliseconds).toUTCString() } }),
    });
    op.next('jwks', off(-600e3));
    await isWrong(good, 'fault', 'clock', /our clock is (?:9m5\ds|10m\S*) ahead of it/, /NTP/);
    op.next('jwks', off(12e3));
    await isWrong(good, 'warning', 'clock', /behind it/, /NTP/);
  });

  it('says when certificates run out', async () => {
    const authority = new Authority();
    const tls = ({ certFile, keyFile }) => ({ ...good, server: { ...good.server, tls: { certificate_file: certFile, private_key_file: keyFile } } });
    const lasting = await findings(tls(authority.issue('IP:127.0.0.1', { days: 90 })));
    assert.deepEqual(lasting.filter(({ verdict }) => verdict !== 'ok'), []);
    assert.match(lasting.find(({ area }) => area === 'certificates').subject, /^server\.tls\.certificate_file \//);
    await isWrong(tls(authority.issue('IP:127.0.0.1', { days: 3 })), 'warning', 'certificates', /runs out on/, /renew/);
    await isWrong(tls(authority.issue('IP:127.0.0.1', { days: -1 })), 'fault', 'certificates', /has run out on/, /new certificate/);
  });
});
