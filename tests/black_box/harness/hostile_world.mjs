// One broker in front of the hostile provider, with a tenant, a provider and a client ready for every
// case of a suite.
//
//   const world = await HostileWorld.start();
//   const signIn = world.newCase({ alg: 'ES256' });
//   signIn.op.next('authorize', { idToken: (plan) => { plan.claims.iss += '1'; } });
//   await signIn.run('code id_token');
import { randomBytes } from 'node:crypto';
import { Broker, baseConfig } from './broker.mjs';
import { eventually } from './child.mjs';
import { secret } from './secrets.mjs';
import { HostileServer, callbackOf } from '../../providers/hostile/server.mjs';

export const RESPONSE_TYPES = ['code', 'code id_token', 'code token', 'code id_token token'];

const redirectUri = (id) => `https://app.example.org/callback/${id}`;

export function providerConfig(issuer, name, parts = {}) {
  return {
    name,
    issuer,
    allow_loopback_http: true,
    allowed_private_addresses: ['127.0.0.0/8'],
    jwks: { minimum_lifetime: '1s', forced_refetch_interval: '1s' },
    ...parts,
  };
}

export function clientConfig(name, clientSecret, parts = {}) {
  return {
    name,
    provider: name,
    client_id: 'broker',
    authentication: { client_secret_basic: { secrets: [{ inline: clientSecret }] } },
    redirect_uris: [redirectUri(name)],
    response_types: RESPONSE_TYPES,
    response_modes: ['form_post', 'query', 'fragment', 'form_post.jwt', 'query.jwt', 'fragment.jwt'],
    scopes: ['openid', 'profile', 'offline_access', 'read', 'write'],
    default_scopes: ['openid', 'offline_access', 'read'],
    audiences: ['https://api.example.org/a', 'https://api.example.org/b'],
    resources: ['https://api.example.org/a', 'https://api.example.org/b'],
    ...parts,
  };
}

// One sign-in to come, with a provider of its own.
export class Case {
  constructor(world, id, op) {
    Object.assign(this, { world, id, op, client: id, redirectUri: redirectUri(id) });
  }

  get rpc() { return this.world.broker.rpc; }

  // Another sign-in at the same provider.
  another() {
    return new Case(this.world, this.id, this.op);
  }

  // Begins the sign-in; `request` adds members to CreateAuthorizationUrlRequest.
  async begin(responseType = 'code id_token', request = {}) {
    this.begun = await this.rpc.CreateAuthorizationUrl({
      client: this.client,
      redirect_uri: this.redirectUri,
      response_type: responseType,
      response_mode: 'form_post',
      ...request,
    });
    return this.begun;
  }

  // What the provider answers through the browser.
  authorize(url = this.begun.authorization_url) {
    return callbackOf(this.op.authorize(url));
  }

  submit(callback, binding = this.begun.browser_binding) {
    return this.rpc.SubmitCallback({ ...callback, browser_binding: binding });
  }

  // The whole sign-in. Returns SubmitCallbackResponse, and keeps the grant's id in `grantId`.
  async run(responseType, request) {
    await this.begin(responseType, request);
    const answer = await this.submit(this.authorize());
    this.grantId = answer.grant.grant_id;
    return answer;
  }

  token(request = {}) {
    return this.rpc.GetAccessToken({ grant_id: this.grantId, ...request });
  }

  // How many requests the provider got, by endpoint.
  count(endpoint) { return this.op.requests(endpoint).length; }

  async grants() {
    return (await this.rpc.ListGrants({ client: this.client })).grants;
  }
}

export class HostileWorld {
  #next = 0;

  // `size` is how many cases there will be at most; `provider` and `client` add to each one's
  // configuration, `config` to the broker's. With `tls`, what https.createServer takes, the provider
  // is served by https.
  static async start({ size = 120, provider = {}, client = {}, config = {}, options = {}, tls } = {}) {
    const world = new HostileWorld();
    world.server = await HostileServer.start({ tls });
    world.registered = Array.from({ length: size }, (_, i) => ({
      id: `case-${i + 1}`,
      clientSecret: secret('client secret', `cs~${randomBytes(48).toString('base64')}`),
    }));
    const issuer = (id) => `${world.server.origin}/t/${id}`;
    world.config = baseConfig({
      providers: world.registered.map(({ id }) => providerConfig(issuer(id), id, provider)),
      clients: world.registered.map(({ id, clientSecret }) => clientConfig(id, clientSecret, client)),
      ...config,
    });
    world.broker = await Broker.start(world.config, options);
    // It asks each provider for its metadata once when it starts: before there are any cases, whose logs and faults are
    // for what they do. Where Redis is away it is never ready.
    if (!config.store) await eventually(() => world.broker.output.includes('"ready"'), 'the broker is ready');
    return world;
  }

  // Another broker of the same configuration; the caller stops it.
  addReplica(changes = {}) {
    return Broker.start({ ...this.config, ...changes });
  }

  // Takes the next tenant; `settings` are members of Tenant.
  newCase(settings = {}) {
    const registered = this.registered[this.#next++];
    if (!registered) throw new Error('more cases than `size`');
    const { id, clientSecret } = registered;
    return new Case(this, id, this.server.tenant(id, { clientSecret, ...settings }));
  }

  async stop() {
    for (const op of this.server.tenants) for (const value of op.secrets) secret('issued', value);
    await this.broker.stop();
    await this.server.close();
  }
}
