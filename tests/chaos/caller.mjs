// A steady load of callers in a process of its own: any grant, any replica, and the next replica where one fails.
//
// The parent sends {addresses, grants, callers, streams, seed}, and later {stop: true}; the answer is {summary}.
import { connect } from '../black_box/harness/rpc.mjs';
import { randomOf } from './random.mjs';

const PATIENCE_MS = 20_000; // for one token, from all the replicas
const DEADLINE_MS = 3_000; // for one question to one replica
const SLOW_MS = 5_000; // such a wait is written down

const summary = { asked: 0, served: 0, failed: 0, ended: 0, attempts: {}, expired: [], worstWaitMs: 0, slow: [], streamed: 0, streamEnds: {} };
const count = (table, name) => { table[name] = (table[name] ?? 0) + 1; };
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
let stopping = false;
let tokenMs;

// The provider's own word on the token, and the broker's: it must not have been at its end when it was asked for.
function check(answer, sentAt, how) {
  const [, family, number, madeAt] = answer.access_token.split('.');
  const endsAt = Number(madeAt) + tokenMs;
  const brokerSays = answer.expires_at.seconds * 1000 + answer.expires_at.nanos / 1e6;
  if (endsAt <= sentAt || brokerSays <= sentAt) {
    summary.expired.push({ how, family: Number(family), number: Number(number), lateMs: Math.round(sentAt - endsAt), brokerLateMs: Math.round(sentAt - brokerSays) });
  }
}

async function ask(grantId, replicas, first) {
  const began = Date.now();
  const answers = []; // what did not help, and when
  summary.asked += 1;
  for (let i = 0; ; ++i) {
    const sentAt = Date.now();
    try {
      const answer = await replicas[(first + i) % replicas.length].GetAccessToken({ grant_id: grantId }, { deadlineMs: DEADLINE_MS });
      check(answer, sentAt, 'GetAccessToken');
      summary.served += 1;
      break;
    } catch (error) {
      const what = `${error.code} ${error.reason ?? '-'}`;
      if (error.code === 'FAILED_PRECONDITION') {
        summary.ended += 1;
        break;
      }
      count(summary.attempts, what);
      answers.push({ afterMs: Date.now() - began, replica: (first + i) % replicas.length, what, facts: error.facts });
      if (Date.now() - began > PATIENCE_MS || stopping) {
        if (!stopping) {
          summary.failed += 1;
          count(summary.attempts, `given up after ${what}`);
        }
        break;
      }
      await pause(Math.min(50 * 2 ** Math.floor(i / replicas.length), 1000));
    }
  }
  const ms = Date.now() - began;
  summary.worstWaitMs = Math.max(summary.worstWaitMs, ms);
  if (ms > SLOW_MS) summary.slow.push({ grantId, began, ms, answers });
}

async function callEndlessly({ grants, addresses, pauseMs }, random, replicas) {
  while (!stopping) {
    await ask(random.of(grants), replicas, random.below(addresses.length));
    await pause(random.between(0, 2 * pauseMs));
  }
}

// Watches one grant through whatever happens.
async function watchEndlessly(grantId, random, replicas) {
  while (!stopping) {
    const stream = random.of(replicas).WatchAccessToken({ grant_id: grantId });
    let seen = 0;
    stream.stream.on('data', (answer) => {
      // What a stream has carried is checked against the moment it came; the way here counts for little.
      summary.streamed += 1;
      if (seen++ > 0) check(answer, Date.now() - 1000, 'WatchAccessToken');
    });
    const timer = setInterval(() => { if (stopping) stream.cancel(); }, 200);
    const end = await stream.end;
    clearInterval(timer);
    if (!stopping) count(summary.streamEnds, `${end?.code ?? 'OK'} ${end?.reason ?? '-'}`);
    if (end?.code === 'FAILED_PRECONDITION') return;
    await pause(random.between(50, 500));
  }
}

process.on('message', async (message) => {
  if (message.stop) {
    stopping = true;
    return;
  }
  const random = randomOf(message.seed);
  tokenMs = message.tokenSeconds * 1000;
  const channel = { 'grpc.initial_reconnect_backoff_ms': 50, 'grpc.max_reconnect_backoff_ms': 500 };
  const replicas = message.addresses.map((address) => connect(address, { channel }));
  const work = Array.from({ length: message.callers }, () => callEndlessly(message, random, replicas));
  for (let i = 0; i < message.streams; ++i) work.push(watchEndlessly(random.of(message.grants), random, replicas));
  await Promise.all(work);
  process.send({ summary }, () => process.exit(0));
});
process.on('disconnect', () => process.exit(0));
