// One OpenID provider of the hostile server: right in everything, unless a test says otherwise.
//
// A test changes what is to come next with `op.next(endpoint, tweak)` and for good with
// `op.always(endpoint, tweak)`. A tweak is an object of functions, each of which may change its
// argument before it is sent:
//   params(list)      the authorization response, as [name, value] pairs      (authorize)
//   responseJwt(plan) the JWT around it in the modes of JARM, see jwt.mjs     (authorize)
//   around(list)      what goes to the browser in these modes, [['response', JWT]]  (authorize)
//   idToken(plan)     the ID token, see jwt.mjs                               (authorize, token)
//   json(body)        the JSON body; may return another                       (the other endpoints)
//   response(answer)  {status, headers, body}, and the faults of faults.mjs   (the other endpoints)
// and `instead`, an answer as in faults.mjs for a request that is not carried out at all.
import { createHash, randomBytes } from 'node:crypto';
import { checkProof } from './dpop.mjs';
import { publicJwk, signingKey } from './keys.mjs';
import { leftHalfHash, render } from './jwt.mjs';

const random = (prefix) => `${prefix}_${randomBytes(24).toString('base64url')}`;

const failure = (status, error, description = 'as RFC 6749 says') => ({
  status,
  json: { error, error_description: description },
});

export class Tenant {
  constructor(origin, id, settings = {}) {
    this.id = id;
    this.issuer = `${origin}/t/${id}`;
    this.alg = 'RS256';
    this.kid = `kid-${id}`;
    this.clientId = 'broker';
    this.clientSecret = random('cs');
    this.subject = 'user-1';
    this.claims = {}; // more claims for every ID token
    this.userinfo = {}; // more claims for userinfo
    this.protect = undefined; // (plan, tenant): how ID tokens and logout tokens are protected, see jwt.mjs
    this.expiresIn = 3600;
    this.rotation = true;
    this.requestUriLifetime = 60;
    this.pushed = new Map(); // request_uri -> parameters
    this.metadataMembers = {}; // more members for the discovery document
    this.dpopNonce = undefined; // the nonce that DPoP proofs must have now
    this.proofs = new Map(); // jti -> claims, of all good proofs so far
    this.reuseLeeway = false; // whether the refresh token before the newest still works
    this.clockAhead = 0; // how far its clock is ahead of this machine's, in seconds
    this.issParameter = true; // whether `iss` is in authorization responses (RFC 9207)
    this.log = []; // every request: {endpoint, method, url, headers, form}
    this.secrets = new Set([this.clientSecret]);
    this.codes = new Map();
    this.families = new Map(); // refresh token -> {current, dead, request}
    this.accessTokens = new Map(); // access token -> {subject, scope, jkt}
    this.tweaks = new Map(); // endpoint -> [{tweak, times}]
    Object.assign(this, settings);
    this.jwks = settings.jwks ?? [publicJwk(signingKey(this.alg), { kid: this.kid, alg: this.alg })];
  }

  next(endpoint, tweak, times = 1) {
    const queue = this.tweaks.get(endpoint) ?? [];
    queue.push({ tweak, times });
    this.tweaks.set(endpoint, queue);
  }

  always(endpoint, tweak) {
    this.next(endpoint, tweak, Infinity);
  }

  // The tweak for the answer that is made now.
  takeTweak(endpoint) {
    const queue = this.tweaks.get(endpoint) ?? [];
    const head = queue[0];
    if (!head) return {};
    if (--head.times <= 0) queue.shift();
    return head.tweak;
  }

  requests(endpoint) {
    return this.log.filter((request) => request.endpoint === endpoint);
  }

  secret(value) {
    this.secrets.add(value);
    return value;
  }

  metadata() {
    const at = (path) => `${this.issuer}${path}`;
    return {
      issuer: this.issuer,
      authorization_endpoint: at('/authorize'),
      token_endpoint: at('/token'),
      userinfo_endpoint: at('/userinfo'),
      jwks_uri: at('/jwks'),
      revocation_endpoint: at('/revoke'),
      introspection_endpoint: at('/introspect'),
      end_session_endpoint: at('/end_session'),
      pushed_authorization_request_endpoint: at('/par'),
      response_types_supported: ['code', 'code id_token', 'code token', 'code id_token token'],
      response_modes_supported: ['query', 'fragment', 'form_post', 'jwt', 'query.jwt', 'fragment.jwt', 'form_post.jwt'],
      grant_types_supported: ['authorization_code', 'implicit', 'refresh_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [this.alg],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: this.issParameter,
      ...this.metadataMembers,
    };
  }

  now() {
    return Math.floor(Date.now() / 1000) + this.clockAhead;
  }

  idToken(request, { code, accessToken, state }, tweak) {
    const claims = {
      iss: this.issuer,
      sub: request.subject,
      aud: this.clientId,
      exp: this.now() + 300,
      iat: this.now(),
      ...(request.nonce && { nonce: request.nonce }),
      ...(request.max_age !== undefined && { auth_time: this.now() - 1 }),
      ...(code && { c_hash: leftHalfHash(this.alg, code) }),
      ...(accessToken && { at_hash: leftHalfHash(this.alg, accessToken) }),
      ...(state && { s_hash: leftHalfHash(this.alg, state) }),
      ...this.claims,
    };
    const header = { alg: this.alg, kid: this.kid };
    const plan = { alg: this.alg, key: signingKey(this.alg), header, claims };
    this.protect?.(plan, this);
    tweak.idToken?.(plan);
    return this.secret(render(plan));
  }

  // What the provider posts to the client when a session ends (Back-Channel Logout 2.4). `claims`
  // are added, undefined ones dropped; `spoil(plan)` may change the rest, see jwt.mjs.
  logoutToken(claims, spoil) {
    const plan = {
      alg: this.alg,
      key: signingKey(this.alg),
      header: { alg: this.alg, kid: this.kid, typ: 'logout+jwt' },
      claims: {
        iss: this.issuer,
        aud: this.clientId,
        iat: this.now(),
        exp: this.now() + 120,
        jti: random('jti'),
        events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
        ...claims,
      },
    };
    this.protect?.(plan, this);
    spoil?.(plan);
    return this.secret(render(plan));
  }

  // Answers an authorization request at once, as if the user had signed in and consented.
  // Returns {mode, redirectUri, params}; see `callback` in server.mjs for the forms of it.
  authorize(url, tweak = this.takeTweak('authorize')) {
    const query = this.requested(Object.fromEntries(new URL(url).searchParams));
    const request = { ...query, subject: this.subject };
    const types = query.response_type.split(' ');
    const code = this.secret(random('code'));
    this.codes.set(code, request);
    const accessToken = types.includes('token') ? this.issue(request) : undefined;
    for (const name of ['state', 'nonce']) if (query[name]) this.secret(query[name]);

    const params = [['code', code]];
    if (accessToken) {
      params.push(['access_token', accessToken], ['token_type', 'Bearer'], ['expires_in', '3600']);
    }
    if (types.includes('id_token')) {
      const bound = { code, accessToken, state: query.state };
      params.push(['id_token', this.idToken(request, bound, tweak)]);
    }
    if (query.state !== undefined) params.push(['state', query.state]);
    if (this.issParameter) params.push(['iss', this.issuer]);
    const [mode, jwt] = (query.response_mode ?? (types.length > 1 ? 'fragment' : 'query')).split('.');
    let changed = tweak.params?.(params) ?? params;
    if (jwt) {
      changed = [['response', this.responseJwt(changed, tweak)]];
      changed = tweak.around?.(changed, params) ?? changed;
    }
    return { mode, redirectUri: query.redirect_uri, params: changed };
  }

  // The parameters of an authorization request, whichever way they came: pushed, signed, as they are.
  requested(query) {
    const pushed = query.request_uri ? this.pushed.get(query.request_uri) : query;
    if (!pushed || pushed.client_id !== query.client_id) throw new Error('no such pushed request');
    this.pushed.delete(query.request_uri);
    if (!pushed.request) return pushed;
    return JSON.parse(Buffer.from(pushed.request.split('.')[1], 'base64url').toString());
  }

  // An authorization response as a JWT (JARM section 2.1).
  responseJwt(params, tweak) {
    const { iss, ...members } = Object.fromEntries(params);
    const claims = { iss: this.issuer, aud: this.clientId, exp: this.now() + 600, ...members };
    const plan = { alg: this.alg, key: signingKey(this.alg), header: { alg: this.alg, kid: this.kid }, claims };
    tweak.responseJwt?.(plan);
    return this.secret(render(plan));
  }

  issue(request, scope = request.scope, jkt = undefined) {
    const token = this.secret(random('at'));
    this.accessTokens.set(token, { subject: request.subject, scope, jkt });
    return token;
  }

  // Checks the proof of a request (RFC 9449). Returns {jkt}, empty where there is none, or {refused}.
  proven({ method, url, headers }, status, accessToken) {
    if (!headers.dpop) return {};
    this.secret(headers.dpop);
    const refuse = (error, more) => ({ refused: { ...failure(status, error), ...more } });
    try {
      const uri = new URL(url, this.issuer).href.replace(/[?#].*/, '');
      const proof = checkProof(headers.dpop, { method, uri, accessToken });
      if (this.proofs.has(proof.jti)) return refuse('invalid_dpop_proof');
      this.proofs.set(proof.jti, proof);
      if (this.dpopNonce && proof.nonce !== this.dpopNonce) {
        return refuse('use_dpop_nonce', { headers: { 'dpop-nonce': this.dpopNonce } });
      }
      return { jkt: proof.jkt };
    } catch {
      return refuse('invalid_dpop_proof');
    }
  }

  // Each of the following answers one request {method, headers, form} with {status, json, headers}.

  discovery() {
    return { status: 200, json: this.metadata() };
  }

  keySet() {
    return { status: 200, json: { keys: this.jwks } };
  }

  pushedRequest(request) {
    if (!this.authenticates(request)) return failure(401, 'invalid_client');
    for (const name of ['state', 'nonce']) if (request.form[name]) this.secret(request.form[name]);
    const uri = `urn:ietf:params:oauth:request_uri:${random('par')}`;
    this.pushed.set(uri, request.form);
    return { status: 201, json: { request_uri: uri, expires_in: this.requestUriLifetime } };
  }

  token(request, tweak) {
    if (!this.authenticates(request)) return failure(401, 'invalid_client');
    const { jkt, refused } = this.proven(request, 400);
    if (refused) return refused;
    switch (request.form.grant_type) {
      case 'authorization_code':
        return this.redeemCode(request.form, jkt, tweak);
      case 'refresh_token':
        return this.refresh(request.form, jkt, tweak);
      case 'urn:ietf:params:oauth:grant-type:token-exchange':
        return this.exchange(request.form);
      case 'client_credentials':
        return this.tokenResponse({ subject: this.clientId, scope: request.form.scope ?? '', jkt }, {}, tweak);
      default:
        return failure(400, 'unsupported_grant_type');
    }
  }

  authenticates({ headers, form }) {
    const decode = (text) => decodeURIComponent(text.replaceAll('+', ' '));
    const [, basic] = /^Basic (\S+)$/.exec(headers.authorization ?? '') ?? [];
    let [id, secret] = [form.client_id, form.client_secret];
    if (basic) [id, secret] = Buffer.from(basic, 'base64').toString().split(':').map(decode);
    return id === this.clientId && secret === this.clientSecret;
  }

  redeemCode(form, jkt, tweak) {
    const request = this.codes.get(form.code);
    if (form.code_verifier) this.secret(form.code_verifier);
    if (!request || request.redirect_uri !== form.redirect_uri) return failure(400, 'invalid_grant');
    const challenge = createHash('sha256').update(form.code_verifier ?? '').digest('base64url');
    if (request.code_challenge !== challenge) return failure(400, 'invalid_grant', 'PKCE');
    if (request.dpop_jkt !== jkt) return failure(400, 'invalid_grant', 'the code is bound to another key');
    if (request.used) {
      for (const family of this.families.values()) if (family.request === request) family.dead = true;
      return failure(400, 'invalid_grant', 'the code was used before');
    }
    request.used = true;
    request.jkt = jkt;
    const refreshToken = /\boffline_access\b/.test(request.scope) ? this.newFamily(request) : undefined;
    return this.tokenResponse(request, { refreshToken, withIdToken: true }, tweak);
  }

  newFamily(request) {
    const refreshToken = this.secret(random('rt'));
    this.families.set(refreshToken, { current: refreshToken, dead: false, request });
    return refreshToken;
  }

  // Strict rotation: an old refresh token kills the family.
  refresh(form, jkt, tweak) {
    const family = this.families.get(form.refresh_token);
    const spent = family && family.current !== form.refresh_token;
    const forgiven = this.reuseLeeway && family?.previous === form.refresh_token;
    if (spent && !forgiven) family.dead = true;
    if (!family || family.dead) return failure(400, 'invalid_grant', 'the refresh token is no good');
    if (family.request.jkt !== jkt) return failure(400, 'invalid_grant', 'the token is bound to another key');
    let refreshToken;
    if (this.rotation) {
      refreshToken = this.secret(random('rt'));
      family.previous = form.refresh_token;
      family.current = refreshToken;
      this.families.set(refreshToken, family);
    }
    const { nonce, ...request } = family.request;
    const scope = form.scope ?? request.scope;
    return this.tokenResponse({ ...request, scope }, { refreshToken, withIdToken: true }, tweak);
  }

  // RFC 8693: any of our access tokens for another one.
  exchange(form) {
    const subject = this.accessTokens.get(form.subject_token);
    if (!subject) return failure(400, 'invalid_request', 'the subject_token is no good');
    const scope = form.scope ?? subject.scope;
    const json = {
      access_token: this.issue({ subject: subject.subject, scope }),
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: 60,
      scope,
    };
    return { status: 200, json };
  }

  tokenResponse(request, { refreshToken, withIdToken }, tweak) {
    const accessToken = this.issue(request, request.scope, request.jkt);
    const json = {
      access_token: accessToken,
      token_type: request.jkt ? 'DPoP' : 'Bearer',
      expires_in: this.expiresIn,
      scope: request.scope,
    };
    if (refreshToken) json.refresh_token = refreshToken;
    if (withIdToken) json.id_token = this.idToken(request, { accessToken }, tweak);
    return { status: 200, json };
  }

  userInfo(request) {
    const [, scheme, token] = /^(Bearer|DPoP) (\S+)$/.exec(request.headers.authorization ?? '') ?? [];
    const known = this.accessTokens.get(token);
    if (!known || (scheme === 'DPoP') !== Boolean(known.jkt)) return failure(401, 'invalid_token');
    const { jkt, refused } = this.proven(request, 401, token);
    if (refused) {
      const challenge = `DPoP error="${refused.json.error}"`;
      return { ...refused, json: undefined, headers: { ...refused.headers, 'www-authenticate': challenge } };
    }
    if (jkt !== known.jkt) return failure(401, 'invalid_token');
    return { status: 200, json: { sub: known.subject, ...this.userinfo } };
  }

  revoke(request) {
    if (!this.authenticates(request)) return failure(401, 'invalid_client');
    const family = this.families.get(request.form.token);
    if (family) family.dead = true;
    this.accessTokens.delete(request.form.token);
    return { status: 200, json: undefined };
  }

  // RFC 7662
  introspect(request) {
    if (!this.authenticates(request)) return failure(401, 'invalid_client');
    const known = this.accessTokens.get(request.form.token);
    if (!known) return { status: 200, json: { active: false } };
    const json = { active: true, iss: this.issuer, client_id: this.clientId, sub: known.subject, scope: known.scope };
    return { status: 200, json: { ...json, exp: this.now() + this.expiresIn } };
  }

  endSession() {
    return { status: 200, json: { signed_out: true } };
  }
}
