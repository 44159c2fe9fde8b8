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

  // Lets a server that was killed come back, once another is primary in its place; `extra` adds arguments.
  async revive(server, extra = []) {
    const back = await start(server.port, [...server.args, ...extra]);
    Object.assign(server, { child: back.child, dead: false });
  }

  async stop() {
    const all = [...this.servers, ...(this.sentinels ?? [])];
    await Promise.all(all.map(({ child }) => child.stop('SIGKILL')));
  }
}

// A primary, its replicas and three Sentinels.
export class SentinelGroup extends Group {
  static async start({ replicas = 1 } = {}) {
    const group = new SentinelGroup();
    const first = await startServer();
    group.servers = [first];
    for (let i = 0; i < replicas; ++i) group.servers.push(await startServer('--replicaof', `127.0.0.1 ${first.port}`));
    group.sentinels = await Promise.all([0, 1, 2].map(async () => {
      const port = await freePort();
      const file = join(scratchFolder(), 'sentinel.conf');
      writeFileSync(file, [
        `port ${port}`, 'bind 127.0.0.1', `sentinel monitor tests 127.0.0.1 ${first.port} 2`,
        'sentinel down-after-milliseconds tests 2000', 'sentinel failover-timeout tests 3000', '',
      ].join('\n'));
      return start(port, [file, '--sentinel']);
    }));
    // They look every ten seconds otherwise. They ping several times within the time after which a server counts as down,
    // or one that has just been promoted would be down before it is asked; and a replica is promoted only where it was
    // looked at within five times this period. After four times the period in which they publish, one that has not heard
    // of a promotion undoes it.
    for (const sentinel of group.sentinels) ask(sentinel, 'SENTINEL', 'DEBUG', 'info-period', '200', 'publish-period', '750', 'ping-period', '500');
    await eventually(() => group.sentinels.every((sentinel) => {
      const lines = ask(sentinel, 'SENTINEL', 'MASTER', 'tests').split('\n');
      const field = (name) => lines[lines.indexOf(name) + 1];
      return field('num-slaves') === String(replicas) && field('num-other-sentinels') === '2';
    }), 'the Sentinels know each other', 30000);
    return group;
  }

  // The configuration's `store` and `encryption`.
  config() {
    const addresses = this.sentinels.map(({ port }) => `127.0.0.1:${port}`);
    return { store: { redis: { sentinel: { master_name: 'tests', addresses } } }, encryption: encryption() };
  }

  // Kills a primary, and lets it come back as a replica of the next.
  async replace(server) {
    await this.kill(server);
    await eventually(() => this.primary(), 'another primary', 20000);
    await this.revive(server, ['--replicaof', `127.0.0.1 ${this.primary().port}`]);
  }

  // Makes a replica a primary of its own beside the primary, which the other replicas go on following, as in the
  // moment in which Sentinels promote it. `meanwhile` is awaited; then it follows the primary again.
  async whilePromoted(meanwhile) {
    const primary = this.primary();
    const replica = this.servers.find((server) => server !== primary);
    // They would put it back after four of these.
    for (const sentinel of this.sentinels) ask(sentinel, 'SENTINEL', 'DEBUG', 'publish-period', '60000');
    ask(replica, 'REPLICAOF', 'NO', 'ONE');
    await meanwhile();
    ask(replica, 'REPLICAOF', '127.0.0.1', String(primary.port));
  }

  // Lets the replica take over while the primary lives.
  async stepDown() {
    const before = this.primary();
    // A Sentinel gives a failover up that goes too slowly for it; while one goes on it says INPROG.
    const [leader] = this.sentinels;
    await eventually(() => {
      const [, port] = ask(leader, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'tests').split('\n');
      return port !== String(before.port) || (ask(leader, 'SENTINEL', 'FAILOVER', 'tests'), false);
    }, 'another primary', 60000);
    await eventually(() => this.primary() !== before && this.primary(), 'the old primary follows', 20000);
    await eventually(() => ask(this.primary(), 'WAIT', '1', '100') === '1', 'a replica again', 20000);
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

  // Kills a primary, and lets it come back as a replica of the next.
  async replace(server) {
    const others = this.primaries().length;
    await this.kill(server);
    await eventually(() => this.primaries().length === others, 'another primary', 20000);
    await this.revive(server);
  }

  // Lets the replica of that primary take over while it lives.
  async stepDown(grantId) {
    const before = this.primaryOf(grantId);
    const id = ask(before, 'CLUSTER', 'MYID');
    const replica = this.servers.find((server) => !server.dead && ask(server, 'CLUSTER', 'NODES')
      .split('\n').some((line) => line.includes('myself,slave') && line.includes(id)));
    // It gives a failover up after five seconds.
    let asked = 0;
    await eventually(() => {
      if (ask(replica, 'ROLE').startsWith('master')) return true;
      if (Date.now() - asked > 6000) {
        asked = Date.now();
        ask(replica, 'CLUSTER', 'FAILOVER');
      }
      return false;
    }, 'the replica takes over', 30000);
    await eventually(() => ask(replica, 'WAIT', '1', '100') === '1', 'a replica again', 20000);
  }

  // Moves the slot of a grant to another primary. `meanwhile` is awaited when the grant's keys are there
  // and the slot is not yet; returns what it returned.
  async moveSlot(grantId, meanwhile) {
    const from = this.primaryOf(grantId);
    const to = this.primaries().find((server) => server !== from);
    const slot = ask(from, 'CLUSTER', 'KEYSLOT', ask(from, '--scan', '--pattern', `tb:grant:*:${grantId}`));
    const [fromId, toId] = [from, to].map((server) => ask(server, 'CLUSTER', 'MYID'));
    ask(to, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId);
    ask(from, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId);
    for (const key of ask(from, 'CLUSTER', 'GETKEYSINSLOT', slot, '100').split('\n')) {
      ask(from, 'MIGRATE', '127.0.0.1', String(to.port), key, '0', '5000');
    }
    const result = await meanwhile();
    for (const server of [to, from]) ask(server, 'CLUSTER', 'SETSLOT', slot, 'NODE', toId);
    return result;
  }
}
