#!/usr/bin/env node
// A user with a browser, without the browser: follows an authorization URL through oidc-provider's
// own sign-in and consent pages by plain HTTP and returns what the provider sends back to the client.
//
//   sign_in.mjs AUTHORIZATION_URL [--login alice] [--deny]
//
// Prints one line of JSON: {"mode": "form_post", "action", "body"} or {"mode": "redirect", "url"}.
import http from 'node:http';
import https from 'node:https';
import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';

const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", '#x27': "'", '#x2F': '/' };
const unescapeHtml = (text) => text.replace(/&([#\w]+);/g, (all, name) => ENTITIES[name] ?? all);

const attribute = (tag, name) => {
  const found = new RegExp(`\\b${name}="([^"]*)"`).exec(tag);
  return found ? unescapeHtml(found[1]) : undefined;
};

// Returns the first form of a page: its action and its fields in order.
function parseForm(html) {
  const form = /<form\b[^>]*>/.exec(html);
  if (!form) {
    const text = html.replace(/<style>.*?<\/style>|<[^>]+>/gs, ' ').replace(/\s+/g, ' ');
    throw new Error(`no form on the page: ${text}`);
  }
  const fields = [...html.matchAll(/<input\b[^>]*>/g)]
    .map(([tag]) => [attribute(tag, 'name'), attribute(tag, 'value') ?? ''])
    .filter(([name]) => name);
  return { action: attribute(form[0], 'action'), fields };
}

// One browser: its cookies, and requests that carry them. Cookies are kept per host and port.
export class Browser {
  #cookies = new Map();

  async request(url, { method = 'GET', body } = {}) {
    const { host, protocol } = new URL(url);
    const jar = this.#cookies.get(host) ?? new Map();
    this.#cookies.set(host, jar);
    const headers = { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') };
    if (body !== undefined) headers['content-type'] = 'application/x-www-form-urlencoded';
    const options = { method, headers, rejectUnauthorized: false };
    const request = (protocol === 'https:' ? https : http).request(url, options);
    request.end(body);
    const response = await new Promise((resolve, reject) => {
      request.on('response', resolve).on('error', reject);
    });
    response.setEncoding('utf8');
    let text = '';
    for await (const chunk of response) text += chunk;
    for (const cookie of response.headers['set-cookie'] ?? []) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
      if (value === '' || /expires=Thu, 01 Jan 1970/i.test(cookie)) jar.delete(name);
      else jar.set(name, value);
    }
    const location = response.headers.location && new URL(response.headers.location, url).href;
    return { status: response.statusCode, headers: response.headers, location, text };
  }
}

// Signs in as `login` (any name is an account) and consents, or goes back where `deny` is set.
//
// Returns {mode: 'form_post', action, body, fields}, `body` being the raw form body that a browser
// would post, or {mode: 'redirect', url, fields}.
export async function signIn(authorizationUrl, { login = 'alice', deny = false, browser = new Browser() } = {}) {
  const { host } = new URL(authorizationUrl);
  let page = await browser.request(authorizationUrl);
  for (let steps = 0; steps < 20; ++steps) {
    if (page.location) {
      if (new URL(page.location).host !== host) {
        const { searchParams, hash } = new URL(page.location);
        const fields = hash ? new URLSearchParams(hash.slice(1)) : searchParams;
        return { mode: 'redirect', url: page.location, fields: Object.fromEntries(fields) };
      }
      page = await browser.request(page.location);
      continue;
    }
    const { action, fields } = parseForm(page.text);
    if (new URL(action).host !== host) {
      const body = new URLSearchParams(fields).toString();
      return { mode: 'form_post', action, body, fields: Object.fromEntries(fields) };
    }
    const form = new URLSearchParams(fields);
    if (form.get('prompt') === 'login') {
      form.set('login', login);
      form.set('password', 'any');
    } else if (deny) {
      page = await browser.request(`${action.replace(/\/$/, '')}/abort`);
      continue;
    }
    page = await browser.request(action, { method: 'POST', body: form.toString() });
  }
  throw new Error('the sign-in does not come to an end');
}

// Follows a logout URL through the provider's pages as a user who says yes, until the browser is sent
// to a URL that begins with `goodbye`; returns that URL.
export async function signOut(logoutUrl, { browser, goodbye }) {
  let page = await browser.request(logoutUrl);
  for (let steps = 0; steps < 10; ++steps) {
    if (page.location?.startsWith(goodbye)) return page.location;
    if (page.location) {
      page = await browser.request(page.location);
      continue;
    }
    const { action, fields } = parseForm(page.text);
    const form = new URLSearchParams(fields);
    form.set('logout', 'yes');
    page = await browser.request(action, { method: 'POST', body: form.toString() });
  }
  throw new Error('the sign-out does not come to an end');
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { login: { type: 'string' }, deny: { type: 'boolean' } },
  });
  console.log(JSON.stringify(await signIn(positionals[0], values)));
}
