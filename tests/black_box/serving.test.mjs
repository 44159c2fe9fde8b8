// The broker as a gRPC server: start, health, reflection, limits, end.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import grpc from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { Broker, baseConfig, redisStore, runBroker } from './harness/broker.mjs';
import { eventually, freePort } from './harness/child.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { Redis } from './harness/redis.mjs';
import { connect } from './harness/rpc.mjs';

// Health and reflection are spoken from hand-written descriptions: nothing of the broker's own.
const { root } = protobuf.parse(`syntax = "proto3";
message HealthCheckRequest { string service = 1; }
message HealthCheckResponse { int32 status = 1; }
message ReflectionRequest { string host = 1; string file_containing_symbol = 4; string list_services = 7; }
message FileDescriptors { repeated bytes file_descriptor_proto = 1; }
message Service { string name = 1; }
message Services { repeated Service service = 1; }
message ReflectionResponse { FileDescriptors files = 4; Services services = 6; }`, { keepCase: true });
const type = (name) => root.lookupType(name);
const encode = (name) => (value) => Buffer.from(type(name).encode(value).finish());
const decode = (name) => (bytes) => type(name).decode(bytes);

class Raw {
  constructor(address) { this.client = new grpc.Client(address, grpc.credentials.createInsecure()); }

  health(service = '') {
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest('/grpc.health.v1.Health/Check', encode('HealthCheckRequest'),
        decode('HealthCheckResponse'), { service }, { deadline: Date.now() + 5000 },
        (error, answer) => (error ? reject(error) : resolve(answer.status)));
    });
  }

  reflect(request) {
    return new Promise((resolve, reject) => {
      const stream = this.client.makeBidiStreamRequest('/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
        encode('ReflectionRequest'), decode('ReflectionResponse'), { deadline: Date.now() + 5000 });
      stream.on('data', (answer) => { resolve(answer); stream.end(); }).on('error', reject);
      stream.write(request);
    });
  }

  close() { this.client.close(); }
}

const SERVING = 1;
const NOT_SERVING = 2;

describe('serving', () => {
  let broker;
  let raw;
  before(async () => {
    broker = await Broker.start(baseConfig());
    raw = new Raw(broker.address);
  });
  after(async () => {
    raw?.close();
    await broker?.stop();
  });

  it('is ready within 150 ms on the embedded default', async () => {
    const times = [broker.startMs];
    // The machine may be busy with something else: what counts is what it can do.
    while (Math.min(...times) >= 150 && times.length < 15) {
      const another = await Broker.start(baseConfig());
      times.push(another.startMs);
      await another.stop();
    }
    assert.ok(Math.min(...times) < 150, `${times.map(Math.round)} ms`);
  });

  it('is healthy', async () => {
    await eventually(async () => (await raw.health()) === SERVING, 'ready');
    assert.equal(await raw.health('tokenbroker.v1.TokenBroker'), SERVING);
    await assert.rejects(raw.health('nobody'), { code: grpc.status.NOT_FOUND });
  });

  it('lists its services by reflection', async () => {
    const { services } = await raw.reflect({ list_services: '*' });
    const names = services.service.map(({ name }) => name);
    for (const name of ['tokenbroker.v1.TokenBroker', 'grpc.health.v1.Health', 'grpc.reflection.v1alpha.ServerReflection']) {
      assert.ok(names.includes(name), names.join());
    }
  });

  for (const symbol of ['tokenbroker.v1.TokenBroker', 'tokenbroker.v1.Grant', 'grpc.health.v1.Health', 'google.rpc.ErrorInfo']) {
    it(`describes ${symbol} by reflection`, async () => {
      const { files } = await raw.reflect({ file_containing_symbol: symbol });
      assert.ok(files?.file_descriptor_proto.length > 0);
    });
  }

  it('refuses a request that is too large', async () => {
    const request = { form_body: 'x'.repeat(5 * 1024 * 1024), browser_binding: 'x' };
    const error = await broker.rpc.SubmitCallback(request).then(() => assert.fail('accepted'), (e) => e);
    assert.ok(['RESOURCE_EXHAUSTED', 'INVALID_ARGUMENT'].includes(error.code), error.message);
    assert.equal(await raw.health(), SERVING);
  });

  it('says UNIMPLEMENTED for what it does not know', async () => {
    const call = new Promise((resolve, reject) => {
      raw.client.makeUnaryRequest('/tokenbroker.v1.TokenBroker/Nothing', (b) => b, (b) => b, Buffer.alloc(0),
        (error, answer) => (error ? reject(error) : resolve(answer)));
    });
    await assert.rejects(call, { code: grpc.status.UNIMPLEMENTED });
  });

  it('survives bytes that are no HTTP/2', async () => {
    const net = await import('node:net');
    for (const bytes of ['GET / HTTP/1.1\r\n\r\n', '\0'.repeat(1000), 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff']) {
      await new Promise((resolve) => {
        const socket = net.connect(broker.port, '127.0.0.1', () => socket.end(bytes, 'latin1'));
        socket.on('close', resolve).on('error', resolve).resume();
      });
    }
    assert.equal(await raw.health(), SERVING);
  });

  for (const signal of ['SIGTERM', 'SIGINT']) {
    it(`ends well on ${signal}`, async () => {
      const another = await Broker.start(baseConfig());
      another.rpc.close();
      assert.deepEqual(await another.child.stop(signal), { code: 0, signal: null });
    });
  }

  it('lets a running request finish when it is asked to end', async () => {
    const world = await HostileWorld.start({ size: 1 });
    const signIn = world.newCase();
    await signIn.begin('code');
    signIn.op.next('token', { response: (answer) => ({ ...answer, delayMs: 300 }) });
    const answer = signIn.submit(signIn.authorize());
    await eventually(() => signIn.count('token') === 1, 'the code is sent');
    world.broker.child.process.kill('SIGTERM');
    assert.ok((await answer).grant.grant_id);
    await world.stop();
  });

  it('says that it is not ready while the store is away', async () => {
    const port = await freePort();
    const one = await Broker.start(baseConfig(redisStore(port, { command_timeout: '300ms', connect_timeout: '300ms' })));
    const health = new Raw(one.address);
    await eventually(async () => (await health.health()) === NOT_SERVING, 'not ready');
    const redis = await Redis.start({ port });
    await eventually(async () => (await health.health()) === SERVING, 'ready', 15000);
    health.close();
    await one.stop();
    await redis.stop();
  });
});

describe('a port for health alone', () => {
  const healthPort = async (parts = {}) => {
    const listen = `127.0.0.1:${await freePort()}`;
    return { listen, config: { ...baseConfig(parts), server: { health: { listen } } } };
  };

  it('serves health, and neither tokens nor reflection', async () => {
    const { listen, config } = await healthPort();
    const broker = await Broker.start(config);
    const raw = new Raw(listen);
    await eventually(async () => (await raw.health()) === SERVING, 'ready');
    assert.equal(await raw.health('tokenbroker.v1.TokenBroker'), SERVING);
    assert.equal(await raw.health('liveness'), SERVING);
    await assert.rejects(raw.health('nobody'), { code: grpc.status.NOT_FOUND });
    await assert.rejects(raw.reflect({ list_services: '*' }), { code: grpc.status.UNIMPLEMENTED });
    const rpc = connect(listen);
    await assert.rejects(rpc.GetGrant({ grant_id: 'a' }), { code: 'UNIMPLEMENTED' });
    rpc.close();
    raw.close();
    await broker.stop();
  });

  it('tells readiness from liveness while the store is away', async () => {
    const { listen, config } = await healthPort(redisStore(await freePort()));
    const broker = await Broker.start(config);
    const raw = new Raw(listen);
    await eventually(async () => (await raw.health('liveness')) === SERVING, 'alive');
    assert.equal(await raw.health(), NOT_SERVING);
    raw.close();
    await broker.stop();
  });

  it('tells until the end that the process is alive, and no longer ready', async () => {
    const { listen, config } = await healthPort();
    const world = await HostileWorld.start({ size: 1, config });
    const raw = new Raw(listen);
    try {
      const signIn = world.newCase();
      await signIn.begin('code');
      signIn.op.next('token', { response: (answer) => ({ ...answer, delayMs: 1000 }) });
      await eventually(async () => (await raw.health()) === SERVING, 'ready');
      const answer = signIn.submit(signIn.authorize());
      await eventually(() => signIn.count('token') === 1, 'the code is sent');
      world.broker.child.process.kill('SIGTERM');
      await eventually(async () => (await raw.health()) === NOT_SERVING, 'not ready any more');
      assert.equal(await raw.health('liveness'), SERVING);
      assert.ok((await answer).grant.grant_id);
    } finally {
      raw.close();
      await world.stop();
    }
  });

  it('is refused where server.listen is', async () => {
    const listen = '127.0.0.1:7070';
    const { code, output } = await runBroker({ ...baseConfig(), server: { listen, health: { listen } } }, ['--check']);
    assert.notEqual(code, 0);
    assert.match(output, /server\.health\.listen: is the address of server\.listen/);
  });
});

it('reflection can be switched off', async () => {
  const broker = await Broker.start({ ...baseConfig(), server: { reflection: false } });
  const raw = new Raw(broker.address);
  await assert.rejects(raw.reflect({ list_services: '*' }), { code: grpc.status.UNIMPLEMENTED });
  raw.close();
  await broker.stop();
});
