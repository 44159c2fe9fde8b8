// One broker, one provider, and two callers who prove themselves by bearer JWTs.
//
//   const world = await TwoCallers.start({ pendingLimit: 20 });
//   const shop = world.as('shop');
//   const { grant } = await shop.finish(await shop.begin());
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Broker, baseConfig } from './broker.mjs';
import { scratchFolder } from './child.mjs';
import { clientConfig, providerConfig } from './hostile_world.mjs';
import { secret } from './secrets.mjs';
import { render } from '../../providers/hostile/jwt.mjs';
import { publicJwk, signingKey } from '../../providers/hostile/keys.mjs';
import { HostileServer, callbackOf } from '../../providers/hostile/server.mjs';

const CLUSTER = 'https://kubernetes.default.svc.cluster.local';
const NAMES = ['shop', 'flooder'];

export class TwoCallers {
  static async start({ pendingLimit, machine }) {
    const world = new TwoCallers();
    world.machine = machine;
    world.server = await HostileServer.start();
    world.op = world.server.tenant('op');
    const keys = join(scratchFolder(), 'cluster.json');
    writeFileSync(keys, JSON.stringify({ keys: [publicJwk(signingKey('ES256', 'cluster'), { kid: 'k8s', alg: 'ES256' })] }));
    world.broker = await Broker.start(baseConfig({
      dev: { allow_inline_secrets: true },
      server: { limits: { max_pending_authorizations_per_caller: pendingLimit } },
      providers: [providerConfig(world.op.issuer, 'op')],
      clients: [clientConfig('op', world.op.clientSecret)],
      jwt_issuers: [{ issuer: CLUSTER, jwks_file: keys, audience: 'token-broker', signing_algorithms: ['ES256'] }],
      callers: NAMES.map((name) => ({
        name, identities: [{ jwt: { issuer: CLUSTER, subject: name } }], clients: ['op'], rpcs: ['*'], grants: 'own',
      })),
    }), { machine });
    return world;
  }

  // The bearer token of a caller, good at the broker's time.
  #bearer(name) {
    const now = Math.floor(Date.now() / 1000) + (this.machine?.ahead ?? 0);
    return secret('caller token', render({
      alg: 'ES256',
      key: signingKey('ES256', 'cluster'),
      header: { alg: 'ES256', kid: 'k8s' },
      claims: { iss: CLUSTER, sub: name, aud: ['token-broker'], exp: now + 600, iat: now },
    }));
  }

  // The RPCs as a caller makes them, and a sign-in in two steps.
  as(name) {
    const options = () => ({ metadata: { authorization: `Bearer ${this.#bearer(name)}` } });
    const rpc = new Proxy(this.broker.rpc, {
      get: (target, method) => (request) => target[method](request, options()),
    });
    const begin = () => rpc.CreateAuthorizationUrl({
      client: 'op', redirect_uri: 'https://app.example.org/callback/op', response_type: 'code', response_mode: 'form_post',
    });
    const finish = (begun) => rpc.SubmitCallback({
      ...callbackOf(this.op.authorize(begun.authorization_url)), browser_binding: begun.browser_binding,
    });
    return { rpc, begin, finish };
  }

  async stop() {
    for (const value of this.op.secrets) secret('issued', value);
    await this.broker.stop();
    await this.server.close();
  }
}
