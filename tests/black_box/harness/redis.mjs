// A redis-server of the test's own: free port, own folder, nothing written to disk. It begins with `snapshot`, what
// another's snapshot() returned, where one is given.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { accepts, Child, freePort, scratchFolder } from './child.mjs';

export class Redis {
  static async start({ port, snapshot } = {}) {
    const redis = new Redis();
    const folder = scratchFolder();
    if (snapshot) writeFileSync(join(folder, 'dump.rdb'), snapshot, 'latin1');
    redis.port = port ?? (await freePort());
    redis.child = new Child('redis-server', [
      '--port', String(redis.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no',
      '--repl-diskless-sync-delay', '0', '--dir', folder, '--daemonize', 'no', '--rdbcompression', 'no',
    ]);
    await redis.child.until(() => accepts(redis.port), 'redis-server accepts connections');
    return redis;
  }

  // Returns all that it holds, as the bytes of a snapshot.
  async snapshot() {
    const file = join(scratchFolder(), 'dump.rdb');
    execFileSync('redis-cli', ['-p', String(this.port), '--rdb', file], { stdio: 'ignore' });
    return readFileSync(file, 'latin1');
  }

  // Sends one inline command and returns the raw reply.
  command(text) {
    return new Promise((resolve, reject) => {
      const socket = net.connect(this.port, '127.0.0.1').setEncoding('utf8').on('error', reject);
      let reply = '';
      socket.on('data', (data) => { reply += data; }).on('close', () => resolve(reply));
      socket.write(`${text}\r\nQUIT\r\n`);
    });
  }

  #cli(...args) {
    return execFileSync('redis-cli', ['-p', String(this.port), ...args], { encoding: 'latin1' }).split('\n').filter(Boolean);
  }

  // The keys that fit a pattern.
  keys(pattern) { return this.#cli('--scan', '--pattern', pattern); }

  // The fields of a hash; [undefined] for a string.
  fields(key) { return this.#cli('TYPE', key)[0] === 'hash' ? this.#cli('HKEYS', key) : [undefined]; }

  // Replaces a value, or a field of a hash, by bytes that mean nothing.
  damage(key, field) {
    return field === undefined ? this.#cli('SET', key, 'damaged', 'KEEPTTL') : this.#cli('HSET', key, field, 'damaged');
  }

  // The bytes of a field of a hash.
  bytes(key, field) { return execFileSync('redis-cli', ['-p', String(this.port), 'HGET', key, field]).subarray(0, -1); }

  // Puts bytes into a field of a hash.
  put(key, field, bytes) { execFileSync('redis-cli', ['-p', String(this.port), '-x', 'HSET', key, field], { input: bytes }); }

  remove(...keys) { return this.#cli('DEL', ...keys); }

  // Stops answering without closing connections, and goes on.
  pause() { this.child.process.kill('SIGSTOP'); }
  resume() { this.child.process.kill('SIGCONT'); }

  stop() { return this.child.stop('SIGKILL'); }
}
