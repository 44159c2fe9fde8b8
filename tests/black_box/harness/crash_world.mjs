// Two replicas on one Redis and a provider that ends a grant whose refresh token comes twice. One of
// them, `doomed`, talks to Redis through a proxy and may be killed; the other survives.
import { join } from 'node:path';
import { baseConfig, redisStore } from './broker.mjs';
import { eventually, scratchFolder } from './child.mjs';
import { HostileWorld } from './hostile_world.mjs';
import { Redis } from './redis.mjs';
import { RedisProxy } from './redis_proxy.mjs';

export const refreshesAt = (op) => op.requests('token').filter(({ form }) => form.grant_type === 'refresh_token');

export class CrashWorld {
  // `leeway` is how long the provider lets a spent refresh token pass, in seconds; `refresh` adds to
  // that part of the configuration.
  static async start({ leeway = 0, size = 20, refresh = {}, server = {}, provider = {}, store = {} } = {}) {
    const self = new CrashWorld();
    self.leeway = leeway;
    self.redis = await Redis.start();
    self.proxy = await RedisProxy.start(self.redis.port);
    self.spool = join(scratchFolder(), 'spool');
    const { encryption, store: direct } = redisStore(self.redis.port, store);
    const { spool = {}, ...others } = refresh;
    const common = { scheduler: { enabled: false }, lease: '1s', ...others };
    self.world = await HostileWorld.start({
      size,
      provider: { refresh_token_reuse_leeway: `${leeway}s`, request_timeout: '20s', ...provider },
      client: { refresh: { floor: '0s' } },
      config: { ...baseConfig(), refresh: common, server, encryption, store: direct },
    });
    self.doomedConfig = {
      store: { redis: { ...direct.redis, address: `127.0.0.1:${self.proxy.port}` } },
      refresh: { ...common, spool: { directory: self.spool, ...spool } },
    };
    await self.revive();
    return self;
  }

  // Starts the doomed one, again.
  async revive() {
    this.doomed = await this.world.addReplica(this.doomedConfig);
  }

  async kill() {
    this.doomed.rpc.close();
    await this.doomed.child.stop('SIGKILL');
  }

  // A sign-in whose token the doomed replica has refreshed once, so that it knows the scripts.
  async signedIn(settings = {}) {
    const signIn = this.world.newCase({ reuseLeeway: this.leeway > 0, ...settings });
    await signIn.run('code');
    signIn.held = (await signIn.token()).access_token;
    return signIn;
  }

  // Asks a replica for another token than the one held, without waiting for it.
  renew(broker, signIn) {
    const answer = broker.rpc.GetAccessToken({ grant_id: signIn.grantId, rejected_access_token: signIn.held });
    answer.catch(() => {});
    return answer;
  }

  // The survivor's new token, as soon as there is one.
  fresh(signIn, limitMs = 15000) {
    return eventually(
      () => this.renew(this.world.broker, signIn).then((answer) => answer.access_token),
      'the survivor has a new token',
      limitMs,
    );
  }

  // Whether the provider has ended the grant because a refresh token came twice.
  ended({ op }) {
    return [...op.families.values()].some((family) => family.dead);
  }

  async stop() {
    if (!this.doomed.child.how) await this.doomed.stop();
    await this.world.stop();
    this.proxy.stop();
    await this.redis.stop();
  }
}
