// The reckoning finds what it is there to find.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { reckon } from './ledger.mjs';

const ok = (number, at, answered = true) => ({ at, number, outcome: 'ok', answered, via: 1 });
const again = (number, at) => ({ at, number, outcome: 'reused' });
const alive = (number) => ({ state: 'alive', number });
const ended = { state: 'ended' };

const CASES = [
  ['one refresh, alive', { events: [ok(0, 0)], number: 1, grant: alive(1) }, {}],
  ['never refreshed, alive', { events: [], number: 0, grant: alive(0) }, {}],
  ['answer lost, tried once more, says so', { events: [ok(0, 0, false), again(0, 9000)], number: 1, dead: true, grant: ended }, { ended: 1 }],
  ['killed in the gap, tried once more, says so', { events: [ok(0, 1000), again(0, 9000)], number: 1, dead: true, killed: [{ pid: 7, at: 1100 }], grant: ended }, { ended: 1 }],
  ['killed with its request on the way, tried once more, says so', { events: [ok(0, 1000), again(0, 9000)], number: 1, dead: true, killed: [{ pid: 7, at: 600 }], grant: ended }, { ended: 1 }],
  ['refreshed twice without a reason', { events: [ok(0, 0), again(0, 100)], number: 1, dead: true, grant: ended }, { reused: 1, lost: 1 }],
  ['a kill long after explains nothing', { events: [ok(0, 0), again(0, 90_000)], number: 1, dead: true, killed: [{ pid: 7, at: 80_000 }], grant: ended }, { reused: 1, lost: 1 }],
  ['another process was killed, not the one that sent it', { events: [ok(0, 0), again(0, 9000)], number: 1, dead: true, killed: [{ pid: 8, at: 100 }], grant: ended }, { reused: 1, lost: 1 }],
  ['tried a third time', { events: [ok(0, 0, false), again(0, 100), again(0, 200)], number: 1, dead: true, grant: ended }, { reused: 1, ended: 1 }],
  ['the answer had been committed, and its token sent', { events: [ok(0, 0, false), ok(1, 100), again(0, 200)], number: 2, dead: true, grant: ended }, { reused: 1, lost: 1 }],
  ['dead, and says that it is alive', { events: [ok(0, 0)], number: 1, dead: true, grant: alive(1) }, { lost: 1 }],
  ['an older token than the newest', { events: [ok(0, 0), ok(1, 1)], number: 2, grant: alive(1) }, { lost: 1 }],
  ['refreshed once more after the provider was asked', { events: [ok(0, 0), ok(1, 1)], number: 1, grant: alive(2) }, {}],
  ['alive, and says that it has ended', { events: [ok(0, 0)], number: 1, grant: ended }, { lost: 1, ended: 1 }],
  ['gives nothing and says nothing', { events: [ok(0, 0)], number: 1, grant: { state: 'gives nothing' } }, { lost: 1 }],
];

describe('the reckoning', () => {
  for (const [name, { events, number, dead = false, killed = [], grant }, expected] of CASES) {
    it(name, () => {
      const found = reckon({ families: [{ subject: 'a', number, dead, events }], grants: new Map([['a', grant]]), killed, senders: new Map([[1, 7]]) });
      const counts = { lost: found.lost.length, reused: found.reused.length, ended: found.ended.length };
      const wanted = { lost: 0, reused: 0, ended: grant === ended ? 1 : 0, ...expected };
      assert.deepEqual(counts, wanted, JSON.stringify(found));
    });
  }
});
