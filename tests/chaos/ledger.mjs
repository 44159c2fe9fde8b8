// The reckoning: what the provider saw, what is left in the broker, and what kills and losses explain.
//
// A refresh token may come a second time where the outcome of the first time was unknown to everybody alive: the
// replica that sent it was killed before it could commit, or the answer was lost. It may then be tried once. That kills
// a family of a strict provider, and the grant has to say so. Anything else is a fault:
//   lost    a grant that neither gives a token nor says that its user has to sign in again; or that says so though no
//           kill and no loss explains it
//   reused  a refresh token that came twice although the first answer was delivered and the process that got it was not
//           killed soon after, or although the answer had been committed, or a third time

const GAP_MS = 10_000; // a store that is away may hold up a commit for so long

// `families` is the provider's report, where `number` is that of a moment before the last word; `grants` the broker's
// last word: Map of subject to {state, number}, where state is 'alive', 'ended' or what went wrong; `killed` the processes
// [{pid, at}], and `senders` which of them each event came from: Map of event.via to pid.
export function reckon({ families, grants, killed, senders }) {
  const found = { refreshes: 0, lost: [], reused: [], ended: [] };
  // Before or after: what has left a process is answered though the process is gone.
  const diedInTheGap = ({ at, via }) => killed.some((kill) => kill.pid === senders.get(via) && kill.at <= at + GAP_MS);
  for (const [index, family] of families.entries()) {
    const grant = grants.get(family.subject);
    if (!grant) continue; // its sign-in did not finish
    const firsts = new Map();
    const highest = Math.max(-1, ...family.events.map(({ number }) => number));
    let excused = false;
    for (const event of family.events) {
      if (event.outcome === 'ok') found.refreshes += 1;
      const first = firsts.get(event.number);
      if (!first) {
        firsts.set(event.number, { ...event, times: 1 });
        continue;
      }
      first.times += 1;
      const lostAnswer = first.answered === false || diedInTheGap(first);
      const excuse = first.times === 2 && highest === event.number && lostAnswer;
      excused ||= excuse;
      if (!excuse) found.reused.push({ index, subject: family.subject, number: event.number, afterMs: event.at - first.at, events: family.events.slice(-6) });
    }
    if (grant.state === 'alive') {
      if (family.dead || grant.number < family.number) found.lost.push({ index, why: family.dead ? 'what it gives is of a dead family' : 'what it gives is not the newest', grant, family: short(family) });
    } else if (grant.state === 'ended') {
      found.ended.push(index);
      if (!excused) found.lost.push({ index, why: 'ended without a reason', grant, family: short(family) });
    } else {
      found.lost.push({ index, why: grant.state, grant, family: short(family) });
    }
  }
  return found;
}

const short = ({ number, dead, events }) => ({ number, dead, events: events.slice(-6) });
