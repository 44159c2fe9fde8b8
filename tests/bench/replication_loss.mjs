// What a failover loses of what Redis had acknowledged, and what WAIT costs and buys.
//
//   node tests/bench/replication_loss.mjs [ROUNDS]
//
// In each round a primary takes writes one after the other; after some of them its machine dies: the
// process is killed and what was on its way to the replica is gone. The replica is promoted, as
// Sentinel and Cluster do it, and asked for every write that had been acknowledged. The link between
// the two is a proxy with a delay, since on one machine a dead process's bytes still arrive.
//
// Then the same with two replicas and a primary that lives: one of them is promoted after some writes,
// as where the primary was frozen and has come back in that moment, and the client, who does not know
// yet, goes on. A write counts as acknowledged where WAIT says that enough replicas have it.
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

// A primary with so many replicas, each behind a link of its own, and a client that writes to it.
async function group(replicaCount, delayMs) {
  const primary = await server();
  const links = [];
  const replicas = [];
  for (let i = 0; i < replicaCount; ++i) {
    links.push(await slowLink(primary.port, delayMs));
    replicas.push(await server('--replicaof', `127.0.0.1 ${links[i].port}`));
  }
  const client = new Client(primary.port);
  await eventually(async () => (await client.ask(`WAIT ${replicaCount} 100`))[0] === `:${replicaCount}`, 'the replicas follow');
  return { primary, links, replicas, client, acknowledged: [], next: 0 };
}

// Writes `count` keys one after the other, and remembers those that count as stored.
async function write(to, count, wait, times) {
  for (let i = 0; i < count; ++i) {
    const key = `key:${to.next++}`;
    const began = performance.now();
    await to.client.ask(`SET ${key} v`);
    const have = wait > 0 ? Number((await to.client.ask(`WAIT ${wait} 100`))[0].slice(1)) : 0;
    times?.push(performance.now() - began);
    if (have >= wait) to.acknowledged.push(key);
  }
}

// Ends the group; returns how many of what was acknowledged the promoted replica does not have.
async function count({ primary, links, replicas, acknowledged }, promoted) {
  let lost = 0;
  for (const key of acknowledged) {
    if ((await promoted.ask(`EXISTS ${key}`))[0] === ':0') ++lost;
  }
  promoted.socket.destroy();
  for (const link of links) link.die();
  await Promise.all([primary, ...replicas].map(({ child }) => child.stop('SIGKILL')));
  return { acknowledged: acknowledged.length, lost };
}

async function primaryDies(wait, delayMs, times) {
  const all = await group(1, delayMs);
  await write(all, 20 + Math.floor(Math.random() * 40), wait, times);
  all.links[0].die();
  all.primary.child.process.kill('SIGKILL');
  const promoted = new Client(all.replicas[0].port);
  await promoted.ask('REPLICAOF NO ONE');
  return count(all, promoted);
}

async function primaryGoesOn(wait, delayMs) {
  const all = await group(2, delayMs);
  await write(all, 20, wait);
  const promoted = new Client(all.replicas[0].port);
  await promoted.ask('REPLICAOF NO ONE');
  await write(all, 20, wait);
  return count(all, promoted);
}

async function rounds(round) {
  const totals = { acknowledged: 0, lost: 0, hit: 0 };
  for (let i = 0; i < ROUNDS; ++i) {
    const { acknowledged, lost } = await round();
    totals.acknowledged += acknowledged;
    totals.lost += lost;
    totals.hit += lost > 0;
  }
  return totals;
}

console.log('| one way to the replica | wait_replicas | rounds | acknowledged | lost | rounds with a loss | p50 of a write | p99 |');
console.log('|---|---|---|---|---|---|---|---|');
for (const delayMs of [1, 5]) {
  for (const wait of [0, 1]) {
    const times = [];
    const totals = await rounds(() => primaryDies(wait, delayMs, times));
    times.sort((a, b) => a - b);
    const at = (fraction) => `${times[Math.floor(times.length * fraction)].toFixed(2)} ms`;
    console.log(`| ${delayMs} ms | ${wait} | ${ROUNDS} | ${totals.acknowledged} | ${totals.lost} | ${totals.hit} | ${at(0.5)} | ${at(0.99)} |`);
  }
}
console.log('\n| of two replicas | rounds | acknowledged | lost | rounds with a loss |');
console.log('|---|---|---|---|---|');
for (const wait of [0, 1, 2]) {
  const totals = await rounds(() => primaryGoesOn(wait, 1));
  console.log(`| ${wait} waited for | ${ROUNDS} | ${totals.acknowledged} | ${totals.lost} | ${totals.hit} |`);
}
process.exit(0);
