// Redis servers that replace each other: a primary with Sentinels, and a cluster.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { accepts, Child, eventually, freePort, scratchFolder } from './child.mjs';
import { secret } from './secrets.mjs';

async function start(port, args) {
  const child = new Child('redis-server', args);
  await child.until(() => accepts(port), 'redis-server accepts connections');
  return { port, child, args };
}

async function startServer(...args) {
  const port = await freePort();
  return start(port, [
    '--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', scratchFolder(), '--repl-diskless-sync-delay', '0', ...args,
  ]);
}

function ask({ port }, ...words) {
  return execFileSync('redis-cli', ['-p', String(port), ...words], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}

function encryption() {
  return { keys: [{ id: 'test', key: { inline: secret('encryption key', randomBytes(32).toString('hex')) } }] };
}

class Group {
  async kill(server) {
    await server.child.stop('SIGKILL');
    server.dead = true;
  }

  async stop() {
    const all = [...this.servers, ...(this.sentinels ?? [])];
    await Promise.all(all.map(({ child }) => child.stop('SIGKILL')));
  }
}

// A primary, a replica and three Sentinels.
export class SentinelGroup extends Group {
  static async start() {
    const group = new SentinelGroup();
    const first = await startServer();
    group.servers = [first, await startServer('--replicaof', `127.0.0.1 ${first.port}`)];
    group.sentinels = await Promise.all([0, 1, 2].map(async () => {
      const port = await freePort();
      const file = join(scratchFolder(), 'sentinel.conf');
      writeFileSync(file, [
        `port ${port}`, 'bind 127.0.0.1', `sentinel monitor tests 127.0.0.1 ${first.port} 2`,
        'sentinel down-after-milliseconds tests 500', 'sentinel failover-timeout tests 3000', '',
      ].join('\n'));
      return start(port, [file, '--sentinel']);
    }));
    await eventually(() => group.sentinels.every((sentinel) => {
      const lines = ask(sentinel, 'SENTINEL', 'MASTER', 'tests').split('\n');
      const field = (name) => lines[lines.indexOf(name) + 1];
      return field('num-slaves') === '1' && field('num-other-sentinels') === '2';
    }), 'the Sentinels know each other', 30000);
    return group;
  }

  // The configuration's `store` and `encryption`.
  config() {
    const addresses = this.sentinels.map(({ port }) => `127.0.0.1:${port}`);
    return { store: { redis: { sentinel: { master_name: 'tests', addresses } } }, encryption: encryption() };
  }

  primary() { return this.servers.find((server) => !server.dead && ask(server, 'ROLE').startsWith('master')); }

  primaries() { return [this.primary()]; }
}

// Three primaries with a replica each.
export class ClusterGroup extends Group {
  static async start() {
    const group = new ClusterGroup();
    group.servers = await Promise.all(Array.from({ length: 6 }, async () => startServer(
      '--cluster-enabled', 'yes', '--cluster-port', String(await freePort()), '--cluster-node-timeout', '1000',
      '--cluster-replica-validity-factor', '0',
    )));
    execFileSync('redis-cli', [
      '--cluster', 'create', ...group.servers.map(({ port }) => `127.0.0.1:${port}`), '--cluster-replicas', '1', '--cluster-yes',
    ], { stdio: 'ignore' });
    await eventually(() => group.servers.every((server) => ask(server, 'CLUSTER', 'INFO').includes('cluster_state:ok')),
      'the cluster is whole', 30000);
    return group;
  }

  config() {
    const addresses = this.servers.slice(0, 2).map(({ port }) => `127.0.0.1:${port}`);
    return { store: { redis: { cluster: { addresses } } }, encryption: encryption() };
  }

  primaries() { return this.servers.filter((server) => !server.dead && ask(server, 'ROLE').startsWith('master')); }

  // The primary that has the key of a grant.
  primaryOf(grantId) {
    return this.primaries().find((server) => ask(server, '--scan', '--pattern', `tb:grant:*:${grantId}`));
  }
}
