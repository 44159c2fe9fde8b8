// A proxy between a broker and its Redis, which knows the commands and scripts that pass through it.
//
//   const proxy = await RedisProxy.start(redis.port);   // the broker's store is proxy.port
//   proxy.count('commit_grant');                        // how often it has been sent so far
//   const hold = proxy.hold('commit_grant', { nth: 2, at: 'reply' });
//   await hold.reached;     // the second commit from now on has been made, its answer waits here
//   hold.release();         // or hold.cut(): the connection is closed, the answer lost
//   proxy.leave();          // Redis is away: connections are closed, new ones refused
//   await proxy.comeBack(); // on the same port
//   proxy.freeze();         // nothing moves and nothing is closed, as behind a dead router
//   proxy.thaw();
//
// A script goes by the name of its file in service/storage/redis/scripts, a command by its name in
// lower case. `at: 'request'` holds it before Redis has seen it; `at: 'reply'` when Redis has done it.
// Whatever comes after a held one on the same connection waits too. A script that Redis does not know
// yet is sent twice.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { Frames, wordsOf } from './resp.mjs';

const SCRIPTS = fileURLToPath(new URL('../../../service/storage/redis/scripts/', import.meta.url));
const scriptNames = new Map(readdirSync(SCRIPTS).map((file) => [
  createHash('sha1').update(readFileSync(SCRIPTS + file)).digest('hex'), file.replace(/\.lua$/, ''),
]));

function nameOf(words) {
  const command = words[0].toLowerCase();
  return command === 'evalsha' ? scriptNames.get(words[1]) ?? command : command;
}

class Hold {
  constructor(name, nth, at, where) {
    Object.assign(this, { name, left: nth, at, where });
    this.reached = new Promise((resolve) => { this.reach = resolve; });
    this.decided = new Promise((resolve) => { this.decide = resolve; });
  }

  release() { this.decide('go'); }

  cut() { this.decide('cut'); }
}

// One connection of the broker's, and the one to Redis that goes with it.
class Pair {
  #waiting = []; // {name, holds}, of commands that Redis has not answered
  #listens = false; // what Redis sends answers nothing any more
  #up = Promise.resolve();
  #down = Promise.resolve();

  constructor(proxy, socket) {
    Object.assign(this, { proxy, socket });
    this.redis = net.connect(proxy.redisPort, '127.0.0.1');
    const [commands, replies] = [new Frames(), new Frames()];
    socket.on('data', (chunk) => {
      for (const frame of commands.push(chunk)) this.#up = this.#up.then(() => this.#forward(frame));
    });
    this.redis.on('data', (chunk) => {
      for (const frame of replies.push(chunk)) this.#down = this.#down.then(() => this.#return(frame));
    });
    for (const end of [socket, this.redis]) end.on('error', () => {}).on('close', () => this.close());
  }

  close() {
    this.socket.destroy();
    this.redis.destroy();
    this.proxy.pairs.delete(this);
  }

  async #forward(frame) {
    await this.proxy.thawed;
    const words = wordsOf(frame);
    const name = nameOf(words);
    const holds = this.proxy.meet(name, words);
    if (!(await this.#pass(holds.filter((hold) => hold.at === 'request')))) return;
    if (name === 'subscribe') this.#listens = true;
    this.#waiting.push(holds.filter((hold) => hold.at === 'reply'));
    this.redis.write(frame);
  }

  async #return(frame) {
    await this.proxy.thawed;
    const holds = this.#listens ? [] : this.#waiting.shift() ?? [];
    if (await this.#pass(holds)) this.socket.write(frame);
  }

  async #pass(holds) {
    for (const hold of holds) {
      hold.reach();
      if ((await hold.decided) === 'cut') {
        this.close();
        return false;
      }
    }
    return !this.socket.destroyed;
  }
}

export class RedisProxy {
  pairs = new Set();
  thawed = Promise.resolve();
  #holds = [];
  #counts = new Map();
  #thaw = () => {};

  static async start(redisPort) {
    const proxy = new RedisProxy();
    proxy.redisPort = redisPort;
    await proxy.#listen(0);
    proxy.port = proxy.server.address().port;
    return proxy;
  }

  #listen(port) {
    this.server = net.createServer((socket) => this.pairs.add(new Pair(this, socket)));
    return new Promise((resolve, reject) => { this.server.once('error', reject).listen(port, '127.0.0.1', resolve); });
  }

  // How often the command or script has been sent.
  count(name) { return this.#counts.get(name) ?? 0; }

  // Holds the `nth` that is sent from now on, of those whose words are as `where` wants them.
  hold(name, { nth = 1, at = 'request', where = () => true } = {}) {
    const hold = new Hold(name, nth, at, where);
    this.#holds.push(hold);
    return hold;
  }

  // The holds that this one runs into.
  meet(name, words) {
    this.#counts.set(name, this.count(name) + 1);
    const met = this.#holds.filter((hold) => hold.name === name && hold.where(words) && --hold.left === 0);
    this.#holds = this.#holds.filter((hold) => !met.includes(hold));
    return met;
  }

  leave() {
    this.server.close();
    this.cut();
  }

  comeBack() { return this.#listen(this.port); }

  // Closes what is open; new connections are welcome.
  cut() {
    for (const pair of [...this.pairs]) pair.close();
  }

  freeze() { this.thawed = new Promise((resolve) => { this.#thaw = resolve; }); }

  thaw() { this.#thaw(); }

  stop() {
    this.thaw();
    this.leave();
  }
}
