// One broker in front of npm oidc-provider.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Broker, baseConfig } from './broker.mjs';
import { Child, scratchFolder } from './child.mjs';
import { RESPONSE_TYPES, providerConfig } from './hostile_world.mjs';
import { secret, secretsOfCallback } from './secrets.mjs';
import { signIn } from '../../providers/sign_in.mjs';
import { newKeyPair } from '../../providers/key_pair.mjs';

const PROVIDER = fileURLToPath(new URL('../../providers/real/provider.mjs', import.meta.url));
const REDIRECT_URI = 'http://127.0.0.1:8080/callback';
export const GOODBYE = 'http://127.0.0.1:8080/';

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';

// A client whose ID tokens, logout tokens and userinfo are encrypted; of its two keys the second one
// is in use.
function encrypted(algorithm, enc) {
  const make = () => (algorithm.startsWith('RSA')
    ? newKeyPair('rsa', { modulusLength: 2048 })
    : newKeyPair('ec', { namedCurve: 'P-256' }));
  const keys = ['old', 'new'].map((id) => ({ id, ...make() }));
  const folder = scratchFolder();
  const decryptionKeys = keys.map(({ id, privateKey }) => {
    const file = join(folder, `${id}.pem`);
    writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    return { private_key: { file }, algorithm, key_id: id };
  });
  const jwk = { ...keys[1].publicKey.export({ format: 'jwk' }), kid: 'new', use: 'enc', alg: algorithm };
  return {
    method: 'client_secret_basic',
    backChannelLogout: true,
    registered: {
      jwks: { keys: [jwk] },
      id_token_encrypted_response_alg: algorithm,
      id_token_encrypted_response_enc: enc,
      userinfo_signed_response_alg: 'RS256',
      userinfo_encrypted_response_alg: algorithm,
      userinfo_encrypted_response_enc: enc,
    },
    configured: {
      id_token_signed_response_alg: 'RS256',
      id_token_encryption: { keys: decryptionKeys },
      userinfo_signed_response_alg: 'RS256',
      userinfo_encryption: { keys: decryptionKeys },
    },
  };
}

// A token that comes through the browser is bound to no key.
const BOUND_RESPONSE_TYPES = ['code', 'code id_token'];

// The registrations: name in the broker -> what differs.
const CLIENTS = {
  basic: { method: 'client_secret_basic' },
  post: { method: 'client_secret_post' },
  public: { method: 'none' },
  ps256: { method: 'client_secret_basic', alg: 'PS256' },
  es256: { method: 'client_secret_basic', alg: 'ES256' },
  eddsa: { method: 'client_secret_basic', alg: 'EdDSA' },
  dpop: { method: 'client_secret_basic', dpop: 'ES256' },
  'dpop-public': { method: 'none', dpop: 'EdDSA' },
  'dpop-rsa': { method: 'client_secret_post', dpop: 'PS256' },
  patient: { method: 'client_secret_basic' },
  logout: { method: 'client_secret_basic', backChannelLogout: true },
  confirmed: { method: 'client_secret_basic', configured: { confirm_access_tokens: true } },
  hs256: { method: 'client_secret_basic', alg: 'HS256', configured: { id_token_signed_response_alg: 'HS256' } },
  exchange: { method: 'client_secret_basic', configured: { token_exchange: true }, grantTypes: [TOKEN_EXCHANGE] },
  'signed-userinfo': {
    method: 'client_secret_basic',
    registered: { userinfo_signed_response_alg: 'ES256' },
    configured: { userinfo_signed_response_alg: 'ES256' },
  },
  'encrypted-rsa': encrypted('RSA-OAEP-256', 'A256GCM'),
  'encrypted-ec': encrypted('ECDH-ES', 'A128CBC-HS256'),
};

// A secret with everything that form-encoding has to get right.
const makeSecret = () => secret('client secret', `${randomBytes(32).toString('base64')} +%/:&=~`);

function registration(name, what, clientSecret, logoutUri) {
  const { method, alg = 'RS256', dpop, backChannelLogout, grantTypes, registered } = what;
  return {
    client_id: name,
    ...(/^client_secret/.test(method) && { client_secret: clientSecret }),
    token_endpoint_auth_method: method,
    id_token_signed_response_alg: alg,
    ...(dpop && { dpop_bound_access_tokens: true, response_types: BOUND_RESPONSE_TYPES }),
    redirect_uris: [REDIRECT_URI],
    post_logout_redirect_uris: [GOODBYE],
    ...registered,
    ...(grantTypes && { grant_types: ['authorization_code', 'implicit', 'refresh_token', ...grantTypes] }),
    ...(backChannelLogout && { backchannel_logout_uri: logoutUri, backchannel_logout_session_required: true }),
  };
}

function client(name, { method, dpop, configured }, clientSecret) {
  const proof = method === 'none' ? {} : { secrets: [{ inline: clientSecret }] };
  return {
    name,
    provider: 'real',
    client_id: name,
    authentication: { [method]: proof },
    ...(dpop && { dpop: { signing_algorithm: dpop } }),
    redirect_uris: [REDIRECT_URI],
    post_logout_redirect_uris: [GOODBYE],
    response_types: dpop ? BOUND_RESPONSE_TYPES : RESPONSE_TYPES,
    response_modes: ['form_post', 'query', 'fragment'],
    scopes: ['openid', 'profile', 'email', 'offline_access', 'hello:read', 'hello:write'],
    default_scopes: ['openid', 'profile', 'offline_access', 'hello:read'],
    audiences: ['https://api.example.org/a', 'https://api.example.org/b'],
    resources: ['https://api.example.org/a', 'https://api.example.org/b'],
    refresh: { floor: '0s' },
    expose_front_channel_access_token: name === 'post',
    ...configured,
  };
}

export class RealWorld {
  // `config` adds to the broker's configuration, `provider` to that of the provider in it; `lifetime`
  // is that of access tokens, in seconds; `clients` are more registrations: name -> {method, alg,
  // registered, configured}, the latter two with members of the client at the provider and in the
  // broker.
  static async start({ config = {}, provider = {}, lifetime = 3600, flags = [], clients = {} } = {}) {
    const world = new RealWorld();
    const all = { ...CLIENTS, ...clients };
    const secrets = Object.fromEntries(Object.keys(all).map((name) => [name, makeSecret()]));
    const logoutUri = await world.#receiveLogoutTokens();
    const each = (make) => Object.entries(all).map(([name, what]) => make(name, what, secrets[name], logoutUri));
    const file = join(scratchFolder(), 'clients.json');
    writeFileSync(file, JSON.stringify(each(registration)));
    const args = [PROVIDER, '--clients', file, '--access-token-lifetime', String(lifetime), ...flags];
    world.provider = new Child(process.execPath, args);
    Object.assign(world, await world.provider.readyLine());
    world.config = baseConfig({
      providers: [providerConfig(world.issuer, 'real', provider)],
      clients: each(client),
      ...config,
    });
    world.broker = await Broker.start(world.config);
    return world;
  }

  // Another broker of the same configuration; the caller stops it.
  addReplica() { return Broker.start(this.config); }

  get rpc() { return this.broker.rpc; }

  // The endpoint of the application that the provider posts logout tokens to: they come to
  // `logoutTokens`.
  async #receiveLogoutTokens() {
    this.logoutTokens = [];
    this.application = http.createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      this.logoutTokens.push(new URLSearchParams(body).get('logout_token'));
      response.writeHead(200, { 'cache-control': 'no-store' }).end();
    });
    await new Promise((resolve) => { this.application.listen(0, '127.0.0.1', resolve); });
    return `http://127.0.0.1:${this.application.address().port}/backchannel-logout`;
  }

  begin(request = {}) {
    return this.rpc.CreateAuthorizationUrl({
      client: 'basic',
      redirect_uri: REDIRECT_URI,
      response_type: 'code id_token',
      response_mode: 'form_post',
      prompt: 'consent', // oidc-provider gives offline_access for no less (OIDC Core 11)
      ...request,
    });
  }

  // Signs a user in at the provider's pages; returns the `callback` of SubmitCallbackRequest.
  async authorize(url, user) {
    const { mode, body, url: redirectUrl } = await signIn(url, user);
    const callback = mode === 'form_post' ? { form_body: body } : { redirect_url: redirectUrl };
    secretsOfCallback(callback);
    return callback;
  }

  // The whole sign-in. Returns SubmitCallbackResponse.
  async signIn(request, user) {
    const begun = await this.begin(request);
    const callback = await this.authorize(begun.authorization_url, user);
    return this.rpc.SubmitCallback({ ...callback, browser_binding: begun.browser_binding });
  }

  // Calls the protected API with a bearer token, or with one that is bound to a key and a proof;
  // returns {status, body, nonce}.
  async callApi(token, proof) {
    const headers = { authorization: `${proof ? 'DPoP' : 'Bearer'} ${token}`, ...(proof && { dpop: proof }) };
    const answer = await fetch(`${this.api}/api/hello`, { headers });
    return { status: answer.status, body: await answer.json(), nonce: answer.headers.get('dpop-nonce') };
  }

  // The user takes back, at the provider, whatever they consented to.
  async withdrawConsent(user) {
    const answer = await fetch(`${this.api}/consents/${user}`, { method: 'DELETE' });
    assert.equal(answer.status, 204);
  }

  async stop() {
    await this.broker.stop();
    await this.provider.stop();
    this.application.closeAllConnections();
    await new Promise((resolve) => { this.application.close(resolve); });
  }
}
