// Runs the chaos; see run.sh.
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Fleet, Provider } from './fleet.mjs';
import { Faults } from './faults.mjs';
import { reckon } from './ledger.mjs';
import { randomOf } from './random.mjs';
import { TOPOLOGIES } from './topology.mjs';

const number = (name, otherwise) => Number(process.env[name] ?? otherwise);
const seed = number('SEED', 1);
const seconds = number('SECONDS_TO_RUN', 120);
const grantCount = number('GRANTS', 2000);
const tokenSeconds = number('TOKEN_SECONDS', 10);
const callers = number('CALLERS', 24);
const streams = number('STREAMS', 100);
const topologyName = process.env.TOPOLOGY ?? 'standalone';
const CALLER = fileURLToPath(new URL('caller.mjs', import.meta.url));
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const say = (text) => console.log(`[${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s] ${text}`);
const began = Date.now();

if (!TOPOLOGIES[topologyName]) throw new Error(`TOPOLOGY is one of ${Object.keys(TOPOLOGIES).join(', ')}`);
const random = randomOf(seed);
const clientSecret = randomBytes(32).toString('base64url');
const provider = await Provider.start(clientSecret, tokenSeconds);
const topology = await TOPOLOGIES[topologyName].start(3);
const fleet = await Fleet.start({ topology, provider, clientSecret, replicas: 3 });
const grants = await fleet.signIn(grantCount, provider.origin);
say(`${grants.size} grants of ${tokenSeconds} s on ${topologyName}`);

const loads = Array.from({ length: 2 }, (_, i) => {
  const load = fork(CALLER);
  load.send({
    addresses: fleet.addresses, grants: [...grants.values()], callers: callers / 2, streams: streams / 2, pauseMs: 50, tokenSeconds,
    seed: seed * 1000 + i,
  });
  return load;
});
const faults = new Faults({ random, topology, fleet, provider });
await faults.run(Date.now() + seconds * 1000);
for (const { name, at, ms, what } of faults.log) {
  say(`${((at - began) / 1000).toFixed(1)} s: ${name}, ${ms} ms${what ? ` ${JSON.stringify(what)}` : ''}`);
}

// The load goes on for a moment in good weather, so that what was begun is ended.
await pause(3000);
const summaries = await Promise.all(loads.map((load) => new Promise((resolve) => {
  load.on('message', ({ summary }) => resolve(summary));
  load.send({ stop: true });
})));

// The last word on every grant: its token is refused once more, so that each alive one has to be refreshed. What waits
// for an unknown outcome, or for the lease of a replica that died, gets its time.
const words = new Map();
const patience = Date.now() + Math.max(45_000, 4 * tokenSeconds * 1000);
async function lastWordOn(subject, grantId) {
  let rejected = '';
  for (let i = 0; ; ++i) {
    const { rpc } = fleet.brokers[i % fleet.brokers.length];
    try {
      const answer = await rpc.GetAccessToken({ grant_id: grantId, rejected_access_token: rejected }, { deadlineMs: 5000 });
      if (rejected) return { state: 'alive', number: Number(answer.access_token.split('.')[2]) };
      rejected = answer.access_token;
    } catch (error) {
      if (error.code === 'FAILED_PRECONDITION') return { state: 'ended', because: error.facts.because };
      if (Date.now() > patience) return { state: `gives nothing: ${error.code} ${error.reason}`, facts: error.facts };
      await pause(500);
    }
  }
}
const subjects = [...grants];
await Promise.all(Array.from({ length: 32 }, async () => {
  for (let entry = subjects.pop(); entry; entry = subjects.pop()) words.set(entry[0], await lastWordOn(...entry));
}));
say('every grant has had its last word');
await pause(200);

// Refreshes go on, so there is no moment in which all have stopped. What the provider had made by now, or newer,
// must be what is given when it is asked for from now on; what is on its way to the store gets its time.
const made = new Map((await provider.report()).map(({ subject, number }) => [subject, number]));
for (let round = 0; round < 20; ++round) {
  const behind = [...words].filter(([subject, { state, number: given }]) => state === 'alive' && given < made.get(subject));
  if (behind.length === 0) break;
  if (round > 0) await pause(500);
  for (const [subject, word] of behind) {
    const answer = await fleet.brokers[0].rpc.GetAccessToken({ grant_id: grants.get(subject) }).catch((error) => error);
    word.number = Number(answer.access_token?.split('.')[2] ?? word.number);
  }
}
const families = (await provider.report()).map((family) => ({ ...family, number: made.get(family.subject) }));
const found = reckon({ families, grants: words, killed: faults.killed, senders: fleet.senders });

const sum = (name) => summaries.reduce((total, summary) => total + summary[name], 0);
const merged = (name) => {
  const all = {};
  for (const summary of summaries) for (const [key, times] of Object.entries(summary[name])) all[key] = (all[key] ?? 0) + times;
  return all;
};
const expired = summaries.flatMap((summary) => summary.expired);
const slow = summaries.flatMap((summary) => summary.slow).sort((a, b) => b.ms - a.ms);
const keep = process.env.KEEP || found.lost.length || found.reused.length || expired.length;
if (keep) {
  const folder = mkdtempSync(join(tmpdir(), 'token-broker-chaos-'));
  mkdirSync(folder, { recursive: true });
  fleet.brokers.forEach((broker, i) => writeFileSync(join(folder, `broker-${i}.log`), broker.output));
  for (const [name, text] of topology.logs) writeFileSync(join(folder, `${name}.log`), text);
  writeFileSync(join(folder, 'found.json'), JSON.stringify({ ...found, expired, slow, faults: faults.log, killed: faults.killed, senders: [...fleet.senders], families, words: [...words] }, null, 1));
  say(`the ledger and what brokers and Redis have logged are in ${folder}`);
}
for (const [what, list] of [['lost', found.lost], ['reused', found.reused], ['expired', expired]]) {
  for (const one of list.slice(0, 5)) say(`${what}: ${JSON.stringify(one)}`);
}
say(`callers: asked ${sum('asked')}, served ${sum('served')}, told to sign in again ${sum('ended')}, failed ${sum('failed')}, worst wait ${Math.max(...summaries.map((summary) => summary.worstWaitMs))} ms`);
say(`attempts that failed, by status: ${JSON.stringify(merged('attempts'))}`);
say(`streams: ${sum('streamed')} tokens; ended with ${JSON.stringify(merged('streamEnds'))}`);
say(`grants that say "sign in again" because of a kill or a lost answer: ${found.ended.length}`);
await fleet.stop();
await topology.stop();
provider.stop();
console.log(`chaos seed=${seed} topology=${topologyName} grants=${grants.size} refreshes=${found.refreshes} kills=${faults.kills} lost=${found.lost.length} reused=${found.reused.length} expired_served=${expired.length} failed_calls=${sum('failed')}`);
process.exit(found.lost.length || found.reused.length || expired.length ? 1 : 0);
