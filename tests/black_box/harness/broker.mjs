// One broker process, from a configuration object to a connected client.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { randomBytes } from 'node:crypto';
import { accepts, Child, freePort, scratchFolder } from './child.mjs';
import { connect } from './rpc.mjs';
import { leaksIn, recordOutput, secret } from './secrets.mjs';

const BUILT = fileURLToPath(new URL('../../../build/release/service/token-broker', import.meta.url));
export const BINARY = process.env.TOKEN_BROKER_BIN ?? BUILT;

// Returns the configuration of a broker for tests: in memory, plaintext, one caller who may do all.
// `parts` replaces members.
export function baseConfig(parts = {}) {
  return {
    dev: { allow_inline_secrets: true, anonymous_caller: 'tests' },
    callers: [{ name: 'tests', clients: ['*'], rpcs: ['*'], grants: 'own' }],
    refresh: { scheduler: { enabled: false } },
    telemetry: { log: { level: 'debug' } },
    ...parts,
  };
}

export function redisStore(port, parts = {}) {
  const key = secret('encryption key', randomBytes(32).toString('hex'));
  return {
    store: { redis: { address: `127.0.0.1:${port}`, ...parts } },
    encryption: { keys: [{ id: 'test', key: { inline: key } }] },
  };
}

export class Broker {
  // Starts a broker and waits until it accepts calls. `config` is written as JSON, which is YAML. It
  // runs on the `machine`, a StagedMachine, where one is given.
  static async start(config, { args = [], env = {}, machine, port, credentials } = {}) {
    assert.ok(existsSync(BINARY), `no broker at ${BINARY}: build it, or set TOKEN_BROKER_BIN`);
    const broker = new Broker();
    broker.folder = scratchFolder();
    broker.port = port ?? (await freePort());
    broker.address = `127.0.0.1:${broker.port}`;
    broker.configFile = join(broker.folder, 'broker.yaml');
    mkdirSync(broker.folder, { recursive: true });
    const server = { listen: broker.address, ...config.server };
    writeFileSync(broker.configFile, JSON.stringify({ ...config, server }, null, 2));
    const began = performance.now();
    broker.child = new Child(BINARY, ['--config', broker.configFile, ...args], {
      env: { ...process.env, ...machine?.env, ...env },
    });
    recordOutput(broker.child);
    await broker.child.until(() => accepts(broker.port), 'the broker accepts connections');
    broker.startMs = performance.now() - began;
    broker.rpc = connect(broker.address, { credentials, machine });
    return broker;
  }

  get output() {
    return this.child.output;
  }

  // The most memory that it ever had, in bytes.
  peakMemory() {
    const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${this.child.process.pid}/status`, 'utf8'));
    return Number(kilobytes) * 1024;
  }

  // Asks it to end, and checks that it ended well and printed nothing secret.
  async stop(signal = 'SIGTERM') {
    this.rpc.close();
    const how = await this.child.stop(signal);
    assert.deepEqual(leaksIn(this.output), [], 'the broker printed something secret');
    if (signal === 'SIGTERM') assert.deepEqual(how, { code: 0, signal: null }, this.output.slice(-4000));
  }
}

// Runs the broker to its end and returns {code, output}; for configurations that it refuses.
export async function runBroker(config, args = []) {
  const folder = scratchFolder();
  const file = join(folder, 'broker.yaml');
  writeFileSync(file, typeof config === 'string' ? config : JSON.stringify(config, null, 2));
  const child = new Child(BINARY, ['--config', file, ...args]);
  recordOutput(child);
  const timer = setTimeout(() => child.process.kill('SIGKILL'), 10000);
  const { code } = await child.exited;
  clearTimeout(timer);
  return { code, output: child.output, file };
}
