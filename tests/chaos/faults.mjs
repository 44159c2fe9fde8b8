// What goes wrong, in an order that the seed decides.
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

// A script's arguments follow its keys; a commit that keeps the generation is that of an intent.
const commitOf = (isIntent) => (words) => {
  const [expected, next] = [words[3 + Number(words[2]) + 1], words[3 + Number(words[2]) + 2]];
  return (expected === next) === isIntent;
};

const CATCH_MS = 4000; // for a refresh to come to where it is waited for
const LEASE_MS = 5_000; // refresh.lease

export class Faults {
  kills = 0;
  killed = []; // {pid, at}
  log = [];

  constructor({ random, topology, fleet, provider }) {
    Object.assign(this, { random, topology, fleet, provider });
    const kills = topology.proxies
      ? ['before intent', 'after intent', 'after request', 'after answer', 'before commit', 'after commit']
      : ['after request', 'after answer', 'at any time'];
    this.menu = [
      ...kills.map((point) => [`killed ${point}`, () => this.#killAt(point)]),
      ...Object.entries(topology.faults).map(([name, run]) => [name, () => run(random)]),
      ['provider away', () => this.#weather({ status: 503 }, random.between(1000, 4000))],
      ['provider slow', () => this.#weather({ delayMs: random.between(300, 3000) }, random.between(1000, 3000))],
      ['429 storm', () => this.#weather({ status: 429, retryAfter: 1 }, random.between(1000, 3000))],
      ['answers lost', () => this.#weather({ lose: true }, random.between(30, 100))],
    ];
    this.rare = topology.proxies
      ? [['stopped longer than the lease, between intent and request', () => this.#stopAfterIntent()]]
      : [];
    this.rare.push(['stopped longer than the lease', () => this.#stopLongerThanLease()]);
  }

  // Runs until `until`, one fault after the other.
  async run(until) {
    const began = Date.now();
    const rare = [...this.rare];
    let deck = [];
    while (Date.now() < until) {
      // Every kind before any kind again.
      if (deck.length === 0) deck = [...this.menu];
      const [fault] = deck.splice(this.random.below(deck.length), 1);
      // They take long: one after every minute, the first where there is time for it.
      const due = Date.now() - began > 60_000 * (this.rare.length - rare.length);
      const next = rare.length > 0 && due && until - Date.now() > LEASE_MS + 10_000 ? rare.shift() : fault;
      const [name, act] = next;
      const at = Date.now();
      const what = await act();
      this.log.push({ name, at, ms: Date.now() - at, what });
      await pause(this.random.between(200, 1500));
    }
    this.provider.weather({});
  }

  async #weather(weather, ms) {
    this.provider.weather(weather);
    await pause(ms);
    this.provider.weather({});
  }

  async #killAt(point) {
    const [replica, finish] = await this.#waitAt(point);
    const at = Date.now();
    this.killed.push({ pid: await this.fleet.kill(replica), at });
    this.kills += 1;
    finish?.();
    await pause(this.random.between(300, 2500));
    await this.fleet.start(replica);
    return { replica };
  }

  // Returns a replica that is at the point, and what lets go of whatever holds it there.
  async #waitAt(point) {
    const anyone = this.random.below(this.fleet.brokers.length);
    const atProxy = async (isIntent, at) => {
      const hold = this.topology.proxies[anyone].hold('commit_grant', { at, where: commitOf(isIntent) });
      const timer = pause(CATCH_MS);
      await Promise.race([hold.reached, timer]);
      return [anyone, () => hold.cut()];
    };
    const atProvider = async (where) => {
      const caught = await this.provider.catch(where, CATCH_MS);
      const owner = caught ? this.fleet.ownerOf(caught.port) : -1;
      return [owner < 0 ? anyone : owner, () => this.provider.release()];
    };
    switch (point) {
      case 'before intent': return atProxy(true, 'request');
      case 'after intent': return atProxy(true, 'reply');
      case 'after request': return atProvider('request');
      case 'after answer': return atProvider('answer');
      case 'before commit': return atProxy(false, 'request');
      case 'after commit': return atProxy(false, 'reply');
      default: return [anyone, undefined];
    }
  }

  // The worst moment for it: the intent is stored, and the request is the next thing that a replica would do when it
  // wakes. Others have the lease by then.
  async #stopAfterIntent() {
    const replica = this.random.below(this.fleet.brokers.length);
    const hold = this.topology.proxies[replica].hold('commit_grant', { at: 'reply', where: commitOf(true) });
    await Promise.race([hold.reached, pause(CATCH_MS)]);
    const { child } = this.fleet.brokers[replica];
    child.process.kill('SIGSTOP');
    hold.release();
    await pause(LEASE_MS + this.random.between(1000, 3000));
    child.process.kill('SIGCONT');
    return { replica };
  }

  // A replica sleeps through the end of its leases and goes on as if nothing had been.
  async #stopLongerThanLease() {
    const { child } = this.random.of(this.fleet.brokers);
    child.process.kill('SIGSTOP');
    await pause(LEASE_MS + this.random.between(1000, 3000));
    child.process.kill('SIGCONT');
  }
}
