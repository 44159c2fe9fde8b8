// Faults below HTTP and in it: TLS, addresses, slow, lying and endless answers.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Broker, baseConfig } from './harness/broker.mjs';
import { Authority } from './harness/certificates.mjs';
import { freePort } from './harness/child.mjs';
import { LIMITED, MISCONFIGURED, UP, fails } from './harness/expect.mjs';
import { HostileWorld, clientConfig, providerConfig } from './harness/hostile_world.mjs';
import { HostileServer } from '../providers/hostile/server.mjs';

describe('HTTP answers', () => {
  let world;
  before(async () => {
    world = await HostileWorld.start({ size: 64, provider: { request_timeout: '1s', connect_timeout: '500ms' } });
  });
  after(() => world?.stop());

  const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';
  const PARTS = {
    'http-slow-headers': { drip: { text: HEAD, ms: 200 } },
    'http-length-lies/larger': { raw: `${HEAD}content-length: 1000\r\n\r\n{}` },
    'http-length-lies/smaller': { raw: `${HEAD}content-length: 1\r\n\r\n{}` },
    'http-length-lies/negative': { raw: `${HEAD}content-length: -1\r\n\r\n{}` },
    'http-length-lies/2^64': { raw: `${HEAD}content-length: 18446744073709551616\r\n\r\n{}` },
    'http-length-lies/chunked-too': { raw: `${HEAD}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}` },
    'http-length-lies/two': { raw: `${HEAD}content-length: 2\r\ncontent-length: 3\r\n\r\n{}` },
    'http-bad-chunk/size': { raw: `${HEAD}transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n` },
    'http-bad-chunk/no-end': { raw: `${HEAD}transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n` },
    'http-not-http': { raw: 'SSH-2.0-OpenSSH_9.2\r\n' },
    'http-huge-headers/one': { flood: { head: `${HEAD}x: `, unit: 'x'.repeat(65536), count: 1600 } },
    'http-huge-headers/many': { flood: { head: HEAD, unit: 'x-y: z\r\n'.repeat(1000), count: 1000 } },
    'http-huge-headers/1xx': { flood: { head: '', unit: 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(1000), count: 2000 } },
    'http-endless-body': { flood: { head: `${HEAD}\r\n`, unit: ' '.repeat(65536), count: 2000 } },
    'tcp-reset': { reset: true },
    'tcp-silence': { hang: true },
  };

  for (const [id, fault] of Object.entries(PARTS)) {
    for (const endpoint of ['discovery', 'jwks', 'token']) {
      it(`${id} at ${endpoint}`, async () => {
        const signIn = world.newCase();
        signIn.op.always(endpoint, { response: () => fault });
        const began = Date.now();
        const error = await signIn.run('code').then(() => assert.fail('accepted'), (e) => e);
        assert.ok(['UNAVAILABLE', 'INTERNAL', 'DEADLINE_EXCEEDED'].includes(error.code), error.message);
        assert.ok(Date.now() - began < 8000, 'in time');
        assert.ok(signIn.count('token') <= 1);
      });
    }
  }

  it('http-gzip-bomb: what decodes to more than the limit is refused', async () => {
    const { gzipSync } = await import('node:zlib');
    // A gigabyte: what is put together of several gzip members is unpacked as one.
    const bomb = Buffer.concat(Array(16).fill(gzipSync(Buffer.alloc(64 << 20, 0x20))));
    const signIn = world.newCase();
    signIn.op.always('discovery', {
      response: (answer) => ({ ...answer, headers: { ...answer.headers, 'content-encoding': 'gzip' }, body: bomb }),
    });
    const error = await signIn.begin().then(() => assert.fail('accepted'), (e) => e);
    assert.ok(['UNAVAILABLE', 'INTERNAL', 'RESOURCE_EXHAUSTED'].includes(error.code), error.message);
  });

  for (const [kind, value] of Object.entries({
    seconds: '2', past: 'Thu, 01 Jan 1970 00:00:00 GMT', negative: '-1', huge: '1000000000', garbage: 'soon',
  })) {
    it(`http-429: Retry-After ${kind}`, async () => {
      const signIn = world.newCase();
      const headers = { 'retry-after': value };
      signIn.op.next('token', { response: (answer) => ({ ...answer, status: 429, headers, body: '' }) });
      const error = await fails(signIn.run('code'), LIMITED);
      const delay = Number(error.retryInfo.retry_delay.seconds ?? 0);
      assert.ok(delay >= 0 && delay <= 24 * 3600, String(delay));
      if (kind === 'seconds') assert.ok(delay >= 1 && delay <= 3, String(delay));
    });
  }

  it('http-429: Retry-After as a date', async () => {
    const signIn = world.newCase();
    const headers = { 'retry-after': new Date(Date.now() + 90_000).toUTCString() };
    signIn.op.next('token', { instead: { status: 429, headers } });
    const error = await fails(signIn.run('code'), LIMITED);
    const delay = Number(error.retryInfo.retry_delay.seconds ?? 0);
    assert.ok(delay >= 80 && delay <= 91, String(delay));
  });

  it('http-5xx-on-code: the code is not sent again', async () => {
    const signIn = world.newCase();
    signIn.op.next('token', { response: (answer) => ({ ...answer, status: 503 }) });
    await fails(signIn.run('code'), UP);
    assert.equal(signIn.count('token'), 1);
  });
});

describe('TLS and addresses', () => {
  const authority = new Authority();
  const other = new Authority();
  const cases = [
    { id: 'tls-ok', leaf: authority.issue('IP:127.0.0.1'), ok: true },
    { id: 'tls-wrong-host', leaf: authority.issue('DNS:op.example.org') },
    { id: 'tls-wrong-address', leaf: authority.issue('IP:127.0.0.2') },
    { id: 'tls-common-name-only', leaf: authority.issue('', { name: '127.0.0.1' }) },
    { id: 'tls-unknown-authority', leaf: other.issue('IP:127.0.0.1') },
    { id: 'tls-expired', leaf: authority.issue('IP:127.0.0.1', { days: -1 }) },
  ];
  const servers = [];
  let broker;

  before(async () => {
    const providers = [];
    const clients = [];
    for (const { id, leaf } of cases) {
      const server = await HostileServer.start({ tls: leaf });
      servers.push(server);
      const op = server.tenant(id);
      providers.push(providerConfig(op.issuer, id, { ca_file: authority.caFile, allow_loopback_http: false }));
      clients.push(clientConfig(id, op.clientSecret));
    }
    const PUBLIC = { allowed_private_addresses: [], allow_loopback_http: false };
    for (const [name, issuer, parts] of [
      ['refused', `http://127.0.0.1:${await freePort()}`, {}],
      ['loopback', `https://127.0.0.1:${servers[0].port}`, PUBLIC],
      ['metadata', 'https://169.254.169.254', PUBLIC],
      ['decimal', 'https://2130706433', PUBLIC],
      ['mapped', 'https://[::ffff:10.0.0.1]', PUBLIC],
      ['octal', 'https://0177.0.0.1', PUBLIC],
      ['short', 'https://127.1', PUBLIC],
      ['ten', 'https://10.0.0.1', PUBLIC],
      ['loopback6', 'https://[::1]', PUBLIC],
      ['local6', 'https://[fd00::1]', PUBLIC],
      ['nat64', 'https://[64:ff9b::7f00:1]', PUBLIC],
      ['unspecified', 'https://0.0.0.0', PUBLIC],
      ['nxdomain', 'https://does-not-exist.invalid', {}],
    ]) {
      providers.push(providerConfig(issuer, name, { connect_timeout: '500ms', request_timeout: '2s', ...parts }));
      clients.push(clientConfig(name, 'does not matter'));
    }
    broker = await Broker.start(baseConfig({ providers, clients }));
  });
  after(async () => {
    await broker?.stop();
    await Promise.all(servers.map((server) => server.close()));
  });

  const begin = (client) => broker.rpc.CreateAuthorizationUrl({
    client, redirect_uri: `https://app.example.org/callback/${client}`, response_type: 'code', response_mode: 'form_post',
  });

  for (const { id, ok } of cases) {
    it(id, async () => {
      if (ok) assert.ok((await begin(id)).state);
      else await fails(begin(id), UP);
    });
  }

  it('tcp-refused-blackhole: refused at once', async () => {
    const began = Date.now();
    await fails(begin('refused'), UP);
    assert.ok(Date.now() - began < 1500);
  });

  it('dns-nxdomain', () => fails(begin('nxdomain'), UP));

  for (const name of ['metadata', 'decimal', 'mapped', 'octal', 'short', 'ten', 'loopback6', 'local6', 'nat64', 'unspecified', 'loopback']) {
    it(`disc-ssrf-address: ${name}`, () => fails(begin(name), { ...MISCONFIGURED, facts: { cause: 'address_refused' } }));
  }

  it('others are served while one provider is down', async () => {
    const began = Date.now();
    const down = begin('nxdomain').catch(() => {});
    await begin('tls-ok');
    assert.ok(Date.now() - began < 1500);
    await down;
  });
});

