// The hostile provider: many tenants, each an OpenID provider of its own under /t/<id>, on one port.
//
//   const server = await HostileServer.start();
//   const op = server.tenant('case-1');
//   op.next('token', { json: (body) => { delete body.token_type; } });
//   const callback = server.callback(op, authorizationUrl);  // what the browser would bring back
import http from 'node:http';
import https from 'node:https';
import { deliver } from './faults.mjs';
import { Tenant } from './tenant.mjs';

const ENDPOINTS = {
  '/.well-known/openid-configuration': ['discovery', 'discovery'],
  '/jwks': ['jwks', 'keySet'],
  '/par': ['par', 'pushedRequest'],
  '/token': ['token', 'token'],
  '/userinfo': ['userinfo', 'userInfo'],
  '/revoke': ['revocation', 'revoke'],
  '/introspect': ['introspection', 'introspect'],
  '/end_session': ['end_session', 'endSession'],
};

async function readRequest(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString();
  const { method, url, headers } = request;
  return { method, url, headers, body, form: Object.fromEntries(new URLSearchParams(body)) };
}

export class HostileServer {
  #tenants = new Map();

  // `tls` is what https.createServer takes, for https. `host` is the name in the issuers, `address`
  // where it listens. `control(server, id, request, response)` answers requests for /t/<id>/_control.
  static async start({ port = 0, tls, address = '127.0.0.1', host = address, control } = {}) {
    const self = new HostileServer();
    self.control = control;
    const answer = (request, response) => self.#answer(request, response);
    self.server = tls ? https.createServer(tls, answer) : http.createServer(answer);
    await new Promise((resolve, reject) => {
      self.server.once('error', reject).listen(port, address, resolve);
    });
    self.port = self.server.address().port;
    self.origin = `${tls ? 'https' : 'http'}://${host}:${self.port}`;
    return self;
  }

  // Makes the tenant `id`, or returns the one there is. `settings` are members of Tenant.
  tenant(id, settings) {
    if (!this.#tenants.has(id)) this.#tenants.set(id, new Tenant(this.origin, id, settings));
    return this.#tenants.get(id);
  }

  get tenants() {
    return [...this.#tenants.values()];
  }

  close() {
    this.server.closeAllConnections();
    return new Promise((resolve) => { this.server.close(resolve); });
  }

  async #answer(request, response) {
    const { pathname, search } = new URL(request.url, this.origin);
    const [, id, path] = /^\/t\/([^/]+)(\/.*)$/.exec(pathname) ?? [];
    const op = this.#tenants.get(id);
    const seen = await readRequest(request);
    if (this.control && path === '/_control') return this.control(this, id, seen, response);
    if (op && path === '/authorize') {
      return deliver(response, {
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(callbackOf(op.authorize(`${this.origin}${pathname}${search}`))),
      });
    }
    const [endpoint, method] = ENDPOINTS[path] ?? [];
    if (!op || !endpoint) return deliver(response, { status: 404, headers: {}, body: '' });
    op.log.push({ endpoint, at: Date.now(), ...seen });

    const tweak = op.takeTweak(endpoint);
    if (tweak.instead) return deliver(response, { headers: {}, body: '', ...tweak.instead });
    const { status, json, headers } = op[method](seen, tweak);
    const body = tweak.json?.(json) ?? json;
    const answer = {
      status,
      headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
      body: body === undefined ? '' : JSON.stringify(body),
    };
    return deliver(response, tweak.response?.(answer, seen) ?? answer);
  }
}

// The forms in which an authorization response reaches the application: the body of a form_post, or
// the URL that the browser was sent to.
export function callbackOf({ mode, redirectUri, params }) {
  const encoded = new URLSearchParams(params).toString();
  if (mode === 'form_post') return { form_body: encoded };
  return { redirect_url: `${redirectUri}${mode === 'query' ? '?' : '#'}${encoded}` };
}
