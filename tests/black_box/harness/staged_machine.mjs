// The machine that a broker believes to run on: its wall clock and its name service are the test's.
// See tests/support/staged_machine.cc.
//
//   const machine = new StagedMachine();
//   const world = await HostileWorld.start({ options: { machine } });
//   machine.moveClock(3600);
import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scratchFolder } from './child.mjs';

const BUILT = fileURLToPath(new URL('../../../build/release/tests/support/libstaged_machine.so', import.meta.url));
const LIBRARY = process.env.STAGED_MACHINE_LIB ?? BUILT;

export class StagedMachine {
  // How far the broker's wall clock is ahead, in seconds.
  ahead = 0;

  #hosts = {};

  constructor() {
    assert.ok(existsSync(LIBRARY), `no ${LIBRARY}: build the target staged_machine`);
    const folder = scratchFolder();
    this.clockFile = join(folder, 'clock');
    this.hostsFile = join(folder, 'hosts');
    writeFileSync(this.clockFile, Buffer.alloc(8));
    writeFileSync(this.hostsFile, '');
    this.env = { LD_PRELOAD: LIBRARY, STAGED_CLOCK: this.clockFile, STAGED_HOSTS: this.hostsFile };
  }

  // Moves the broker's wall clock by `seconds`, which may be negative.
  moveClock(seconds) {
    this.ahead += seconds;
    const shift = Buffer.alloc(8);
    shift.writeBigInt64LE(BigInt(Math.round(this.ahead * 1e9)));
    const file = openSync(this.clockFile, 'r+');
    writeSync(file, shift, 0, 8, 0);
    closeSync(file);
  }

  // Says what these names mean: {name: {addresses, delayMs}}. No addresses: there is no such name; '?':
  // the name server fails.
  setHosts(hosts) {
    Object.assign(this.#hosts, hosts);
    const lines = Object.entries(this.#hosts).map(([name, { addresses = [], delayMs = 0 }]) =>
      `${name} ${delayMs} ${addresses.join(' ')}\n`);
    writeFileSync(`${this.hostsFile}.new`, lines.join(''));
    renameSync(`${this.hostsFile}.new`, this.hostsFile);
  }
}
