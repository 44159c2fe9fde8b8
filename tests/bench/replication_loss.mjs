// What a failover loses of what Redis had acknowledged, and what WAIT costs and buys.
//
//   node tests/bench/replication_loss.mjs [ROUNDS]
//
// In each round a primary takes writes one after the other; after some of them its machine dies: the
// process is killed and what was on its way to the replica is gone. The replica is promoted, as
// Sentinel and Cluster do it, and asked for every write that had been acknowledged. The link between
// the two is a proxy with a delay, since on one machine a dead process's bytes still arrive.
import net from 'node:net';
import { Child, accepts, eventually, freePort, scratchFolder } from '../black_box/harness/child.mjs';

const ROUNDS = Number(process.argv[2] ?? 50);

async function server(...args) {
  const port = await freePort();
  const child = new Child('redis-server', [
    '--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', scratchFolder(), '--repl-diskless-sync-delay', '0', ...args,
  ]);
  await child.until(() => accepts(port), 'redis-server accepts connections');
  return { port, child };
}

// Passes bytes on after `delayMs`, in order; `die` drops all that is on its way.
async function slowLink(to, delayMs) {
  const sockets = new Set();
  let dead = false;
  const pass = (from, into) => from.on('data', (bytes) => {
    setTimeout(() => { if (!dead) into.write(bytes); }, delayMs);
  }).on('error', () => {}).on('close', () => into.destroy());
  const listener = net.createServer((near) => {
    const far = net.connect(to, '127.0.0.1');
    for (const socket of [near, far]) sockets.add(socket.setNoDelay(true));
    pass(near, far);
    pass(far, near);
  });
  await new Promise((resolve) => { listener.listen(0, '127.0.0.1', resolve); });
  return {
    port: listener.address().port,
    die() {
      dead = true;
      listener.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

// One connection on which each command waits for the reply before.
class Client {
  constructor(port) {
    this.socket = net.connect(port, '127.0.0.1').setNoDelay(true).setEncoding('utf8');
    this.replies = '';
    this.socket.on('data', (text) => { this.replies += text; this.arrived?.(); });
    this.socket.on('error', () => {}).on('close', () => { this.closed = true; this.arrived?.(); });
  }

  // Returns the lines of the reply; nothing where the connection broke.
  async ask(text, lines = 1) {
    this.replies = '';
    this.socket.write(`${text}\r\n`);
    while (this.replies.split('\r\n').length - 1 < lines) {
      if (this.closed) return undefined;
      await new Promise((resolve) => { this.arrived = resolve; });
    }
    return this.replies.split('\r\n').slice(0, lines);
  }
}

async function round(wait, delayMs, times) {
  const primary = await server();
  const link = await slowLink(primary.port, delayMs);
  const replica = await server('--replicaof', `127.0.0.1 ${link.port}`);
  const client = new Client(primary.port);
  await eventually(async () => (await client.ask('WAIT 1 100'))[0] === ':1', 'the replica follows');
  const writes = 20 + Math.floor(Math.random() * 40);
  let acknowledged = 0;
  for (; acknowledged < writes; ++acknowledged) {
    const began = performance.now();
    await client.ask(`SET key:${acknowledged} v`);
    if (wait > 0) await client.ask(`WAIT ${wait} 100`);
    times.push(performance.now() - began);
  }
  link.die();
  primary.child.process.kill('SIGKILL');
  const promoted = new Client(replica.port);
  await promoted.ask('REPLICAOF NO ONE');
  let lost = 0;
  for (let i = 0; i < acknowledged; ++i) {
    if ((await promoted.ask(`EXISTS key:${i}`))[0] === ':0') ++lost;
  }
  promoted.socket.destroy();
  await Promise.all([primary.child.stop('SIGKILL'), replica.child.stop('SIGKILL')]);
  return { acknowledged, lost };
}

console.log('| one way to the replica | wait_replicas | rounds | acknowledged | lost | rounds with a loss | p50 of a write | p99 |');
console.log('|---|---|---|---|---|---|---|---|');
for (const delayMs of [1, 5]) {
  for (const wait of [0, 1]) {
    const [times, totals] = [[], { acknowledged: 0, lost: 0, hit: 0 }];
    for (let i = 0; i < ROUNDS; ++i) {
      const { acknowledged, lost } = await round(wait, delayMs, times);
      totals.acknowledged += acknowledged;
      totals.lost += lost;
      totals.hit += lost > 0;
    }
    times.sort((a, b) => a - b);
    const at = (fraction) => `${times[Math.floor(times.length * fraction)].toFixed(2)} ms`;
    console.log(`| ${delayMs} ms | ${wait} | ${ROUNDS} | ${totals.acknowledged} | ${totals.lost} | ${totals.hit} | ${at(0.5)} | ${at(0.99)} |`);
  }
}
process.exit(0);
