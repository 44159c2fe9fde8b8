// The Redis that the fleet stands on, in the three ways in which it is run. Everything is of this run alone: free
// ports, own folders, written to disk at every change, since a broker counts on what Redis has confirmed.
//
// A topology has: store(replica), the broker's `store` section; faults(), the names of what can be done to it, each an
// async method of `faults`; logs, what its servers have logged, [[name, text]]; stop().
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accepts, Child, eventually, freePort, scratchFolder } from '../black_box/harness/child.mjs';
import { RedisProxy } from '../black_box/harness/redis_proxy.mjs';

// With 1 a primary whose replicas are gone refuses changes: docs/operations.md, Redis.
const MIN_REPLICAS = ['--min-replicas-to-write', process.env.MIN_REPLICAS ?? '1'];

// Left out: every replica that could be promoted.
const REPLICATION = process.env.WAIT_REPLICAS ? { replication: { wait_replicas: Number(process.env.WAIT_REPLICAS) } } : {};

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const cli = (port, ...words) => execFileSync('redis-cli', ['-p', String(port), ...words], { encoding: 'utf8' }).trim();

// A redis-server that comes back with what it had.
class Server {
  static async start(extra = []) {
    const server = new Server();
    server.port = await freePort();
    server.folder = scratchFolder();
    server.extra = extra;
    await server.run();
    return server;
  }

  async run() {
    this.log = this.output;
    this.child = new Child('redis-server', [
      '--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'yes', '--appendfsync', 'always',
      '--repl-diskless-sync-delay', '0', '--dir', this.folder, '--daemonize', 'no', ...this.extra,
    ]);
    await this.child.until(() => accepts(this.port), 'redis-server accepts connections');
  }

  kill() { return this.child.stop('SIGKILL'); }

  // What it has logged, over all its lives.
  get output() { return (this.log ?? '') + (this.child?.output ?? ''); }
}

// One Redis, with a proxy for each replica of the broker in front of it.
class Standalone {
  static async start(replicas) {
    const topology = new Standalone();
    topology.redis = await Server.start();
    topology.proxies = await Promise.all(Array.from({ length: replicas }, () => RedisProxy.start(topology.redis.port)));
    return topology;
  }

  get logs() { return [['redis', this.redis.output]]; }

  store(replica) { return { redis: { address: `127.0.0.1:${this.proxies[replica].port}` } }; }

  faults = {
    redisKilled: async (random) => {
      await this.redis.kill();
      await pause(random.between(200, 2500));
      await this.redis.run();
    },
    connectionsCut: async (random) => {
      const proxy = random.of(this.proxies);
      for (let i = 0; i < 4; ++i) {
        proxy.cut();
        await pause(random.between(50, 300));
      }
    },
    redisFrozen: async (random) => {
      const proxy = random.of(this.proxies);
      proxy.freeze();
      await pause(random.between(500, 3000));
      proxy.thaw();
    },
  };

  async stop() {
    for (const proxy of this.proxies) proxy.stop();
    await this.redis.kill();
  }
}

// A primary, two replicas and three Sentinels.
class Sentinel {
  static async start() {
    const topology = new Sentinel();
    const primary = await Server.start(MIN_REPLICAS);
    topology.servers = [primary];
    for (let i = 0; i < 2; ++i) topology.servers.push(await Server.start(['--replicaof', '127.0.0.1', String(primary.port), ...MIN_REPLICAS]));
    for (const server of topology.servers.slice(1)) {
      await eventually(() => cli(server.port, 'INFO', 'replication').includes('master_link_status:up'), 'the replica is up');
    }
    topology.sentinels = await Promise.all(Array.from({ length: 3 }, () => topology.#sentinel(primary.port)));
    const [first] = topology.sentinels;
    await eventually(() => Number(/num-other-sentinels\n(\d+)/.exec(cli(first.port, 'SENTINEL', 'master', 'chaos'))[1]) === 2, 'the Sentinels know each other', 30000);
    return topology;
  }

  async #sentinel(primaryPort) {
    const port = await freePort();
    const file = join(scratchFolder(), 'sentinel.conf');
    writeFileSync(file, [`port ${port}`, 'bind 127.0.0.1', `sentinel monitor chaos 127.0.0.1 ${primaryPort} 2`,
      'sentinel down-after-milliseconds chaos 1000', 'sentinel failover-timeout chaos 5000', 'sentinel parallel-syncs chaos 2', ''].join('\n'));
    const child = new Child('redis-server', [file, '--sentinel']);
    await child.until(() => accepts(port), 'the Sentinel accepts connections');
    return { port, child };
  }

  get logs() {
    return [...this.servers.map(({ port, output }) => [`redis-${port}`, output]), ...this.sentinels.map(({ port, child }) => [`sentinel-${port}`, child.output])];
  }

  store() {
    return { redis: { sentinel: { master_name: 'chaos', addresses: this.sentinels.map(({ port }) => `127.0.0.1:${port}`) }, ...REPLICATION } };
  }

  #primaryPort() {
    const living = this.sentinels.find(({ child }) => !child.how);
    return Number(cli(living.port, 'SENTINEL', 'get-master-addr-by-name', 'chaos').split('\n')[1]);
  }

  faults = {
    // The primary dies; a replica takes its place, and it comes back as a replica.
    primaryKilled: async (random) => {
      const port = this.#primaryPort();
      const primary = this.servers.find((server) => server.port === port);
      await primary.kill();
      await eventually(() => this.#primaryPort() !== port, 'another primary', 30000);
      await pause(random.between(500, 2000));
      await primary.run();
    },
    // The same on purpose, as for maintenance.
    failoverOrdered: async (random) => {
      const port = this.#primaryPort();
      try { cli(this.sentinels[0].port, 'SENTINEL', 'failover', 'chaos'); } catch { return; }
      await eventually(() => this.#primaryPort() !== port, 'another primary', 30000).catch(() => {});
      await pause(random.between(500, 1000));
    },
    primaryFrozen: async (random) => {
      const port = this.#primaryPort();
      const primary = this.servers.find((server) => server.port === port);
      primary.child.process.kill('SIGSTOP');
      await pause(random.between(500, 4000));
      primary.child.process.kill('SIGCONT');
    },
  };

  async stop() {
    for (const { child } of this.sentinels) await child.stop('SIGKILL');
    for (const server of this.servers) await server.kill();
  }
}

// Three primaries with a replica each.
class Cluster {
  static async start() {
    const topology = new Cluster();
    const options = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1500', '--cluster-config-file', 'nodes.conf', ...MIN_REPLICAS];
    topology.servers = [];
    for (let i = 0; i < 6; ++i) topology.servers.push(await Server.start(options));
    const addresses = topology.servers.map(({ port }) => `127.0.0.1:${port}`);
    execFileSync('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes'], { encoding: 'utf8' });
    for (const { port } of topology.servers) {
      await eventually(() => cli(port, 'CLUSTER', 'INFO').includes('cluster_state:ok'), 'the cluster is up', 30000);
    }
    for (const { port } of topology.#primaries()) {
      await eventually(() => cli(port, 'INFO', 'replication').includes('state=online'), 'a replica for every primary', 30000);
    }
    return topology;
  }

  get logs() { return this.servers.map(({ port, output }) => [`redis-${port}`, output]); }

  store() {
    return { redis: { cluster: { addresses: this.servers.map(({ port }) => `127.0.0.1:${port}`) }, ...REPLICATION } };
  }

  #primaries() {
    return this.servers.filter((server) => !server.child.how && cli(server.port, 'ROLE').startsWith('master'));
  }

  faults = {
    primaryKilled: async (random) => {
      const primary = random.of(this.#primaries());
      await primary.kill();
      await pause(random.between(3000, 5000));
      await primary.run();
      await eventually(() => cli(primary.port, 'CLUSTER', 'INFO').includes('cluster_state:ok'), 'the cluster is whole', 30000);
    },
    failoverOrdered: async (random) => {
      const replica = random.of(this.servers.filter((server) => !this.#primaries().includes(server)));
      try { cli(replica.port, 'CLUSTER', 'FAILOVER'); } catch { return; }
      await pause(1500);
    },
  };

  async stop() { for (const server of this.servers) await server.kill(); }
}

export const TOPOLOGIES = { standalone: Standalone, sentinel: Sentinel, cluster: Cluster };
