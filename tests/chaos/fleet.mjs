// Three replicas of the broker, the provider, and the grants that they share.
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Broker, baseConfig } from '../black_box/harness/broker.mjs';
import { freePort } from '../black_box/harness/child.mjs';

const PROVIDER = fileURLToPath(new URL('provider.mjs', import.meta.url));
const REDIRECT_URI = 'https://app.example.org/callback';

export class Provider {
  static async start(clientSecret, tokenSeconds) {
    const provider = new Provider();
    provider.child = fork(PROVIDER, [clientSecret, String(tokenSeconds)]);
    provider.origin = (await provider.#next('ready')).ready;
    provider.issuer = `${provider.origin}/t/chaos`;
    return provider;
  }

  #next(kind) {
    return new Promise((resolve) => {
      const take = (message) => {
        if (!(kind in message)) return;
        this.child.off('message', take);
        resolve(message);
      };
      this.child.on('message', take);
    });
  }

  weather(weather) { this.child.send({ do: 'weather', weather }); }

  // Keeps the next refresh at a point until it is released; returns {port}, or nothing where none came in time.
  async catch(point, limitMs) {
    const reached = this.#next('caught');
    this.child.send({ do: 'catch', point });
    const timer = new Promise((resolve) => { setTimeout(resolve, limitMs); });
    const found = await Promise.race([reached, timer]);
    if (!found) this.child.send({ do: 'giveUp' });
    return found;
  }

  release() { this.child.send({ do: 'release' }); }

  async report() {
    const report = this.#next('report');
    this.child.send({ do: 'report' });
    return (await report).report;
  }

  stop() { this.child.disconnect(); }
}

// The process that has the local end `port` of an open connection, if any has.
function pidOf(port) {
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1).map((line) => line.trim().split(/\s+/));
  const line = lines.find((words) => words[1] && parseInt(words[1].split(':')[1], 16) === port);
  if (!line) return undefined;
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).find((pid) => has(pid, `socket:[${line[9]}]`));
}

function has(pid, socket) {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try { return readlinkSync(`/proc/${pid}/fd/${fd}`) === socket; } catch { return false; }
    });
  } catch {
    return false;
  }
}

export class Fleet {
  senders = new Map(); // what the provider told a process apart by -> its pid

  static async start({ topology, provider, clientSecret, replicas }) {
    const fleet = new Fleet();
    const key = randomBytes(32).toString('hex');
    fleet.configs = Array.from({ length: replicas }, (_, i) => baseConfig({
      refresh: { scheduler: { enabled: true } },
      telemetry: { log: { level: 'info' } },
      providers: [{
        name: 'op', issuer: provider.issuer, allow_loopback_http: true, allowed_private_addresses: ['127.0.0.0/8'],
      }],
      clients: [{
        name: 'web', provider: 'op', client_id: 'broker',
        authentication: { client_secret_basic: { secrets: [{ inline: clientSecret }] } },
        redirect_uris: [REDIRECT_URI], response_types: ['code'], response_modes: ['form_post'],
        scopes: ['openid', 'offline_access'], default_scopes: ['openid', 'offline_access'],
        id_token_signed_response_alg: 'EdDSA',
        refresh: { floor: '0s' },
      }],
      encryption: { keys: [{ id: 'chaos', key: { inline: key } }] },
      store: topology.store(i),
    }));
    fleet.ports = await Promise.all(fleet.configs.map(() => freePort()));
    fleet.brokers = [];
    provider.child.on('message', ({ discovered, port }) => {
      if (!discovered) return;
      const pid = pidOf(port);
      if (pid) fleet.senders.set(discovered, pid);
      provider.child.send({ do: 'discover', asked: discovered });
    });
    for (let i = 0; i < replicas; ++i) await fleet.start(i);
    return fleet;
  }

  get addresses() { return this.ports.map((port) => `127.0.0.1:${port}`); }

  async start(i) {
    this.brokers[i] = await Broker.start(this.configs[i], { port: this.ports[i] });
  }

  // Whichever replica has the local end `port` of a connection; -1 where none has.
  ownerOf(port) {
    const pid = pidOf(port);
    return this.brokers.findIndex(({ child }) => child.process.pid === pid);
  }

  // Returns the pid of the process that was.
  async kill(i) {
    this.brokers[i].rpc.close();
    const { pid } = this.brokers[i].child.process;
    await this.brokers[i].child.stop('SIGKILL');
    return pid;
  }

  // Signs `count` users in, and returns a map of subject to grant id.
  async signIn(count, origin) {
    const grants = new Map();
    let next = 0;
    const one = async () => {
      while (next < count) {
        const subject = `user-${next++}`;
        const { rpc } = this.brokers[next % this.brokers.length];
        const begun = await rpc.CreateAuthorizationUrl({ client: 'web', redirect_uri: REDIRECT_URI, response_type: 'code', response_mode: 'form_post', login_hint: subject });
        const callback = await (await fetch(begun.authorization_url)).json();
        const { grant } = await rpc.SubmitCallback({ ...callback, browser_binding: begun.browser_binding });
        if (grant.subject !== subject) throw new Error(`${grant.subject} instead of ${subject} from ${origin}`);
        grants.set(subject, grant.grant_id);
      }
    };
    await Promise.all(Array.from({ length: 24 }, one));
    return grants;
  }

  async stop() {
    for (const broker of this.brokers) {
      broker.rpc.close();
      await broker.child.stop('SIGTERM');
    }
  }
}
