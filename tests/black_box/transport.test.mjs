// TLS, name resolution and connections as providers and networks really are.
import assert from 'node:assert/strict';
import http2 from 'node:http2';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { Broker, baseConfig } from './harness/broker.mjs';
import { Authority } from './harness/certificates.mjs';
import { Child, eventually, freePort } from './harness/child.mjs';
import { MISCONFIGURED, UP, fails } from './harness/expect.mjs';
import { clientConfig, providerConfig } from './harness/hostile_world.mjs';
import { secret } from './harness/secrets.mjs';
import { StagedMachine } from './harness/staged_machine.mjs';
import { HostileServer, callbackOf } from '../providers/hostile/server.mjs';

const authority = new Authority();
const stranger = new Authority();

// A broker in front of several hostile servers, each with one tenant and a client of its own.
class Transport {
  static async start(servers) {
    const world = new Transport();
    world.machine = new StagedMachine();
    world.servers = servers;
    const all = Object.entries(servers);
    const timeouts = { connect_timeout: '1s', request_timeout: '4s' };
    for (const [name, server] of all) server.op = server.tenant(name);
    world.broker = await Broker.start(baseConfig({
      providers: all.map(([name, { op }]) => providerConfig(op.issuer, name, {
        ca_file: authority.caFile, allowed_private_addresses: ['127.0.0.0/8', '100::/64'], ...timeouts,
      })),
      clients: all.map(([name, { op }]) => clientConfig(name, op.clientSecret)),
    }), { machine: world.machine });
    return world;
  }

  begin(name) {
    return this.broker.rpc.CreateAuthorizationUrl({
      client: name, redirect_uri: `https://app.example.org/callback/${name}`, response_type: 'code id_token', response_mode: 'form_post',
    });
  }

  async signIn(name) {
    const { authorization_url: url, browser_binding: binding } = await this.begin(name);
    const callback = callbackOf(this.servers[name].op.authorize(url));
    return this.broker.rpc.SubmitCallback({ ...callback, browser_binding: binding });
  }

  async stop() {
    for (const { op } of Object.values(this.servers)) for (const value of op.secrets) secret('issued', value);
    await this.broker.stop();
    await Promise.all(Object.values(this.servers).map((server) => server.close()));
  }
}

// A DNS name in a subject alternative name, as DER: what openssl's own syntax cannot say.
function dnsName(name) {
  const bytes = Buffer.from(name, 'latin1');
  const general = Buffer.concat([Buffer.of(0x82, bytes.length), bytes]);
  return `DER:${Buffer.concat([Buffer.of(0x30, general.length), general]).toString('hex')}`;
}

describe('TLS', () => {
  let world;
  const good = authority.issue('DNS:op.example');
  const CASES = [
    { id: 'tls-ok/name', host: 'op.example', tls: good, ok: true },
    { id: 'tls-ok/wildcard', host: 'a.op.example', tls: authority.issue('DNS:*.op.example'), ok: true },
    { id: 'tls-ok/TLS-1.2', host: 'op.example', tls: { ...good, maxVersion: 'TLSv1.2' }, ok: true },
    { id: 'tls-wrong-host/suffix', host: 'op.example', tls: authority.issue('DNS:op.example.evil') },
    { id: 'tls-wrong-host/prefix', host: 'op.example', tls: authority.issue('DNS:evil-op.example') },
    { id: 'tls-wrong-host/address-for-a-name', host: 'op.example', tls: authority.issue('IP:127.0.0.1') },
    { id: 'tls-self-signed/right-name', host: 'op.example', tls: stranger.issue('DNS:op.example') },
    { id: 'tls-self-signed/wrong-name-too', host: 'op.example', tls: stranger.issue('DNS:evil.example') },
    { id: 'tls-san-nul', host: 'op.example', tls: authority.issue(dnsName('op.example\0.evil')) },
    { id: 'tls-san-nul/common-name-only', host: 'op.example', tls: authority.issue('', { name: 'op.example' }) },
    { id: 'tls-san-nul/wildcard-too-deep', host: 'a.b.op.example', tls: authority.issue('DNS:*.op.example') },
    { id: 'tls-san-nul/wildcard-for-the-bare-name', host: 'op.example', tls: authority.issue('DNS:*.op.example') },
    { id: 'tls-san-nul/wildcard-inside', host: 'op.example', tls: authority.issue('DNS:o*.example') },
    { id: 'tls-san-nul/wildcard-alone', host: 'op.example', tls: authority.issue('DNS:*') },
    { id: 'tls-expired/named', host: 'op.example', tls: authority.issue('DNS:op.example', { days: -1 }) },
    { id: 'tls-old-version/1.1', host: 'op.example', tls: { ...good, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } },
    { id: 'tls-old-version/1.0', host: 'op.example', tls: { ...good, minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' } },
    { id: 'tls-old-version/no-encryption', host: 'op.example', tls: { ...good, maxVersion: 'TLSv1.2', ciphers: 'NULL-SHA256:ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0' } },
    { id: 'tls-old-version/anonymous', host: 'op.example', tls: { maxVersion: 'TLSv1.2', ciphers: 'AECDH-AES256-SHA:ADH-AES256-SHA:@SECLEVEL=0' } },
  ];
  const nameOf = (id) => id.replaceAll('/', '-').replaceAll('.', '-').toLowerCase();

  before(async () => {
    const servers = {};
    for (const { id, host, tls } of CASES) servers[nameOf(id)] = await HostileServer.start({ tls, host });
    servers.rotated = await HostileServer.start({ tls: good, host: 'op.example' });
    world = await Transport.start(servers);
    const hosts = Object.fromEntries(CASES.map(({ host }) => [host, { addresses: ['127.0.0.1'] }]));
    world.machine.setHosts(hosts);
  });
  after(() => world?.stop());

  for (const { id, ok } of CASES) {
    it(id, async () => {
      if (ok) return assert.ok((await world.signIn(nameOf(id))).grant.grant_id);
      const error = await fails(world.begin(nameOf(id)), UP);
      assert.equal(error.facts.cause, 'tls', error.message);
      return assert.equal(world.servers[nameOf(id)].op.log.length, 0, 'no request was sent');
    });
  }

  it('tls-cert-rotated: a new certificate does not disturb those who are connected, nor those who come', async () => {
    const { rotated } = world.servers;
    await world.signIn('rotated');
    rotated.server.setSecureContext(authority.issue('DNS:op.example'));
    await world.signIn('rotated');
    rotated.server.closeAllConnections();
    await world.signIn('rotated');
    rotated.server.setSecureContext(authority.issue('DNS:evil.example'));
    rotated.server.closeAllConnections();
    const sent = rotated.op.requests('token').length;
    await world.signIn('rotated').then(() => assert.fail('accepted'), (error) => assert.equal(error.code, 'UNAVAILABLE'));
    assert.equal(rotated.op.requests('token').length, sent);
  });
});

describe('name resolution', () => {
  let world;
  let blackHole;
  const dead = '127.0.0.77'; // nobody listens there
  before(async () => {
    const start = (host) => HostileServer.start({ tls: authority.issue(`DNS:${host}`), host });
    const servers = {};
    for (const name of ['fine', 'slow', 'missing', 'failing', 'dead-first', 'moves', 'dual', 'swallowed', 'rebound']) {
      servers[name] = await start(`${name}.example`);
    }
    servers.moved = await HostileServer.start({ tls: authority.issue('DNS:moves.example'), host: 'moves.example', address: '127.0.0.5', port: servers.moves.port });
    blackHole = await BlackHole.start();
    world = await Transport.start(servers);
    world.machine.setHosts({
      'fine.example': { addresses: ['127.0.0.1'] },
      'slow.example': { addresses: ['127.0.0.1'], delayMs: 30000 },
      'missing.example': {},
      'failing.example': { addresses: ['?'] },
      'dead-first.example': { addresses: [dead, '127.0.0.1'] },
      'moves.example': { addresses: ['127.0.0.1'] },
      'dual.example': { addresses: ['100::1', '127.0.0.1'] },
      'rebound.example': { addresses: ['169.254.169.254', '10.0.0.1', '0.0.0.0', '::ffff:169.254.169.254'] },
    });
  });
  after(async () => {
    await world?.stop();
    await blackHole?.stop();
  });

  it('dns-nxdomain: a name that does not exist', () => fails(world.begin('missing'), { ...UP, facts: { cause: 'dns' } }));

  it('dns-nxdomain: a name server that fails', () => fails(world.begin('failing'), { ...UP, facts: { cause: 'dns' } }));

  it('dns-nxdomain: a name server that is slow holds up nobody else', async () => {
    const began = Date.now();
    const slow = fails(world.begin('slow'), UP);
    await world.signIn('fine');
    assert.ok(Date.now() - began < 1000, 'others go on');
    await slow;
    assert.ok(Date.now() - began < 3000, 'given up at the connect time-out');
  });

  it('dns-failover: the second address serves where the first is dead', async () => {
    assert.ok((await world.signIn('dead-first')).grant.grant_id);
  });

  it('dns-failover: an IPv6 address that leads nowhere', async () => {
    assert.ok((await world.signIn('dual')).grant.grant_id);
  });

  it('dns-failover: an address that changes is noticed', async () => {
    await world.signIn('moves');
    const { moves, moved } = world.servers;
    moved.tenant('moves', { ...moves.op, log: [] });
    world.machine.setHosts({ 'moves.example': { addresses: ['127.0.0.5'] } });
    await moves.close();
    // A look-up is remembered for two seconds: until then the dead address is tried.
    await eventually(() => world.signIn('moves'), 'the new address is found', 5000);
    assert.ok(moved.tenant('moves').requests('token').length > 0);
  });

  it('disc-ssrf-address: a public name that stands for private addresses is not connected to', async () => {
    await fails(world.begin('rebound'), { ...MISCONFIGURED, facts: { cause: 'address_refused' } });
  });
});

// A port that takes connections as the network takes packets to nowhere: SYNs are dropped.
class BlackHole {
  static async start() {
    const hole = new BlackHole();
    const script = 'const s = require("net").createServer(); s.listen({port: 0, host: "127.0.0.1", backlog: 1}, () => console.log(JSON.stringify({port: s.address().port})))';
    hole.child = new Child(process.execPath, ['-e', script]);
    ({ port: hole.port } = await hole.child.readyLine());
    hole.child.process.kill('SIGSTOP');
    // The queue of connections that nobody takes is filled.
    hole.fillers = Array.from({ length: 8 }, () => net.connect(hole.port, '127.0.0.1').on('error', () => {}));
    return hole;
  }

  async stop() {
    for (const socket of this.fillers) socket.destroy();
    await this.child.stop('SIGKILL');
  }
}

describe('connections', () => {
  let broker;
  let hole;
  let h2;
  let both;
  let flaky;
  before(async () => {
    hole = await BlackHole.start();
    const tls = authority.issue('IP:127.0.0.1');
    both = await Http2Server.start({ ...tls, allowHTTP1: true });
    h2 = await Http2Server.start({ ...tls, allowHTTP1: false });
    flaky = await FlakyProxy.start(await HostileServer.start({ tls }));
    const timeouts = { connect_timeout: '700ms', request_timeout: '3s', ca_file: authority.caFile, jwks: { minimum_lifetime: '5m' } };
    const issuers = {
      blackhole: `http://127.0.0.1:${hole.port}`,
      refused: `http://127.0.0.1:${await freePort()}`,
      both: `https://127.0.0.1:${both.port}`,
      h2: `https://127.0.0.1:${h2.port}`,
      flaky: `https://127.0.0.1:${flaky.port}/t/flaky`,
    };
    broker = await Broker.start(baseConfig({
      providers: Object.entries(issuers).map(([name, issuer]) => providerConfig(issuer, name, timeouts)),
      clients: Object.keys(issuers).map((name) => clientConfig(name, secret('client secret', `a secret of ${name}`))),
    }));
    flaky.op = flaky.server.tenant('flaky', { issuer: issuers.flaky, clientSecret: 'a secret of flaky' });
  });
  after(async () => {
    await broker?.stop();
    await hole?.stop();
    both?.close();
    h2?.close();
    await flaky?.close();
  });
  const begin = (client, type = 'code') => broker.rpc.CreateAuthorizationUrl({
    client, redirect_uri: `https://app.example.org/callback/${client}`, response_type: type, response_mode: 'form_post',
  });

  it('tcp-refused-blackhole: given up at the connect time-out', async () => {
    const began = Date.now();
    await fails(begin('blackhole'), UP);
    const took = Date.now() - began;
    assert.ok(took > 500 && took < 2500, `${took} ms`);
  });

  it('tcp-refused-blackhole: many at once cost no more time', async () => {
    const began = Date.now();
    await Promise.all(Array.from({ length: 100 }, () => begin('blackhole').then(() => assert.fail('accepted'), (error) => {
      assert.equal(error.code, 'UNAVAILABLE', error.message);
    })));
    assert.ok(Date.now() - began < 3000);
  });

  it('http-h2-goaway: HTTP/1.1 alone is spoken, where a server offers both', async () => {
    assert.ok((await begin('both')).state);
    assert.deepEqual([...new Set(both.versions)], ['1.1']);
  });

  it('http-h2-goaway: a server of HTTP/2 alone cannot be talked to', async () => {
    await fails(begin('h2'), UP);
    assert.deepEqual(h2.versions, []);
  });

  const submit = async (begun) => broker.rpc.SubmitCallback({
    ...callbackOf(flaky.op.authorize(begun.authorization_url)), browser_binding: begun.browser_binding,
  });

  it('tok-retry-before-send: a connection that fails before a byte was sent is tried once more', async () => {
    const begun = await begin('flaky');
    await submit(begun);
    const again = await begin('flaky');
    flaky.dropNext(1);
    assert.ok((await submit(again)).grant.grant_id);
    assert.equal(flaky.op.requests('token').length, 2);
  });

  it('tok-retry-before-send: and only once', async () => {
    const begun = await begin('flaky');
    const dropped = flaky.dropNext(10);
    await fails(submit(begun), UP);
    assert.equal(dropped(), 2);
    flaky.dropNext(0);
  });
});

// An https server with its own metadata that notes which HTTP it is spoken to in.
class Http2Server {
  static async start(options) {
    const self = new Http2Server();
    self.versions = [];
    self.server = http2.createSecureServer(options, (request, response) => {
      self.versions.push(request.httpVersion);
      const issuer = `https://127.0.0.1:${self.port}`;
      const metadata = { issuer, authorization_endpoint: `${issuer}/a`, token_endpoint: `${issuer}/t`, jwks_uri: `${issuer}/j` };
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(metadata));
    });
    self.server.on('sessionError', () => {}).on('tlsClientError', () => {});
    await new Promise((resolve) => { self.server.listen(0, '127.0.0.1', resolve); });
    self.port = self.server.address().port;
    return self;
  }

  close() { this.server.close(); }
}

// A proxy of TCP connections that drops some of them before a byte has passed.
class FlakyProxy {
  #left = 0;
  #dropped = 0;
  #sockets = new Set();

  static async start(server) {
    const proxy = new FlakyProxy();
    proxy.server = server;
    proxy.listener = net.createServer((client) => proxy.#take(client));
    await new Promise((resolve) => { proxy.listener.listen(0, '127.0.0.1', resolve); });
    proxy.port = proxy.listener.address().port;
    return proxy;
  }

  #take(client) {
    client.on('error', () => {});
    if (this.#left > 0) {
      this.#left -= 1;
      this.#dropped += 1;
      return client.resetAndDestroy();
    }
    const upstream = net.connect(this.server.port, '127.0.0.1').on('error', () => client.destroy());
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    }
    return client.pipe(upstream).pipe(client);
  }

  // Closes all connections, and drops the next `count`. Returns a function that says how many it did.
  dropNext(count) {
    for (const socket of this.#sockets) socket.destroy();
    [this.#left, this.#dropped] = [count, 0];
    return () => this.#dropped;
  }

  close() {
    this.dropNext(0);
    this.listener.close();
    return this.server.close();
  }
}
