// Child processes of a test: started, waited for, and ended with the test whatever happens.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// A file of the test runner that is still there after so long is stuck; the longest takes a tenth of it.
const STUCK_AFTER_MS = 10 * 60 * 1000;

const running = new Set();
const folders = new Set();

if (process.env.NODE_TEST_CONTEXT) {
  setTimeout(() => {
    console.error(`stuck: still open are ${process.getActiveResourcesInfo().join(', ')}`);
    process.exit(1);
  }, STUCK_AFTER_MS).unref();
}

process.on('exit', () => {
  for (const child of running) child.process.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

// Returns a new folder that goes away with this process.
export function scratchFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'token-broker-test-'));
  folders.add(folder);
  return folder;
}

// Keeps this process alive only while somebody waits for its end: what a failed test leaves running must not hold up
// the rest.
export class Child {
  #exited;

  constructor(command, args, options = {}) {
    this.output = ''; // all of stdout and stderr
    this.stdout = '';
    this.process = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    running.add(this);
    this.process.stdout.setEncoding('utf8').on('data', (text) => {
      this.stdout += text;
      this.output += text;
    });
    this.process.stderr.setEncoding('utf8').on('data', (text) => { this.output += text; });
    this.#exited = new Promise((resolve) => {
      this.process.on('error', (error) => resolve({ error }));
      this.process.on('close', (code, signal) => resolve({ code, signal }));
    }).then((how) => {
      running.delete(this);
      this.how = how;
      return how;
    });
    for (const open of this.#handles()) open.unref?.();
  }

  // How it ends.
  get exited() {
    for (const open of this.#handles()) open.ref?.();
    return this.#exited;
  }

  #handles() { return [this.process, ...this.process.stdio.filter(Boolean)]; }

  // Waits until `probe(child)` returns something; fails when the process ends first.
  async until(probe, what, limitMs = 60000) {
    return eventually(async () => {
      if (this.how) throw new Gone(`${what}: the process ended (${JSON.stringify(this.how)}):\n${this.output}`);
      return probe(this);
    }, what, limitMs);
  }

  // Waits for the first line of JSON on standard output.
  readyLine() {
    return this.until(() => {
      const end = this.stdout.indexOf('\n');
      return end >= 0 && JSON.parse(this.stdout.slice(0, end));
    }, 'the ready line');
  }

  // Ends it and returns how it ended.
  async stop(signal = 'SIGTERM') {
    if (!this.how) this.process.kill(signal);
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 10000);
    const how = await this.exited;
    clearTimeout(timer);
    return how;
  }
}

class Gone extends Error {}

// Calls `probe` until it returns something true, and returns that.
export async function eventually(probe, what, limitMs = 10000) {
  const deadline = Date.now() + limitMs;
  for (let pause = 2; ; pause = Math.min(pause * 1.5, 50)) {
    let last;
    try {
      const found = await probe();
      if (found) return found;
    } catch (error) {
      if (error instanceof Gone) throw error;
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`${what}: not within ${limitMs} ms${last ? ` (${last.message})` : ''}`);
    await new Promise((resolve) => { setTimeout(resolve, pause); });
  }
}

// Returns a TCP port on 127.0.0.1 that nobody uses.
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

// Whether something accepts connections on the port.
export function accepts(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => { socket.destroy(); resolve(true); });
    socket.once('error', () => resolve(false));
  });
}
