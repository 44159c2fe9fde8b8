#!/usr/bin/env node
// A sample web application that signs users in through Token Broker by form_post.
//
//   server.mjs --broker 127.0.0.1:50051 --client demo --api http://127.0.0.1:4000/api/hello
//              [--listen 8080] [--base-url http://localhost:8080] [--response-type "code id_token"]
//
// The application never sees a refresh token: it keeps a grant id, and asks the broker for an access
// token whenever it needs one. Prints one line of JSON when it is ready: {"url"}.
import http from 'node:http';
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { connect, plain } from './broker.mjs';
import { bindingCookie, bindingOf, forgetBinding, sessionCookie, sessionOf } from './cookies.mjs';
import { failurePage, signedInPage, signedOutPage } from './pages.mjs';

const { values: flags } = parseArgs({
  options: {
    broker: { type: 'string', default: '127.0.0.1:50051' },
    client: { type: 'string', default: 'demo' },
    api: { type: 'string' },
    listen: { type: 'string', default: '8080' },
    'base-url': { type: 'string' },
    'response-type': { type: 'string', default: '' },
  },
});

const MAX_CALLBACK_BYTES = 256 * 1024;
const broker = connect(flags.broker);
const sessions = new Map(); // session id -> {grantId, claims}
let baseUrl = flags['base-url'];

function send(response, status, html, headers = {}) {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
    ...headers,
  });
  response.end(html);
}

const redirect = (response, location, cookies = []) =>
  send(response, 303, '', { location, 'set-cookie': cookies });

async function readBody(request) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > MAX_CALLBACK_BYTES) throw new Error('the body is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

async function beginSignIn(_request, response) {
  const answer = await broker.createAuthorizationUrl({
    client: flags.client,
    redirect_uri: `${baseUrl}/callback`,
    response_type: flags['response-type'],
    response_mode: 'form_post',
    prompt: 'consent',
  });
  redirect(response, answer.authorization_url, [bindingCookie(answer.state, answer.browser_binding)]);
}

// The browser brings the provider's answer. The body goes to the broker as it came; only the state is
// looked up in it, to find the cookie that belongs to this sign-in.
async function finishSignIn(request, response) {
  const body = await readBody(request);
  const state = new URLSearchParams(body).get('state') ?? '';
  const binding = bindingOf(request, state);
  try {
    const answer = await broker.submitCallback({ form_body: body, browser_binding: binding });
    const id = randomBytes(32).toString('base64url');
    sessions.set(id, { grantId: answer.grant.grant_id, claims: plain(answer.id_token_claims) });
    redirect(response, '/', [sessionCookie(id), forgetBinding(state)]);
  } catch (error) {
    // ErrorInfo holds the reason; the page need not say more to whoever brought a bad callback.
    console.error(`sign-in failed: ${error.details}`);
    send(response, 403, failurePage('You are not signed in', error.details ?? 'The sign-in failed.'));
  }
}

// Asks the API with a token from the broker; a token that the API refuses is reported, and replaced.
async function callApi(session) {
  const selector = { grant_id: session.grantId };
  let { access_token: token } = await broker.getAccessToken(selector);
  const ask = () => fetch(flags.api, { headers: { authorization: `Bearer ${token}` } });
  let answer = await ask();
  if (answer.status === 401) {
    const request = { ...selector, rejected_access_token: token };
    ({ access_token: token } = await broker.getAccessToken(request));
    answer = await ask();
  }
  return { status: answer.status, body: await answer.json() };
}

async function signOut(request, response, session) {
  sessions.delete(sessionOf(request));
  if (session) await broker.revokeGrant({ grant_id: session.grantId });
  redirect(response, '/');
}

async function route(request, response) {
  const session = sessions.get(sessionOf(request));
  switch (`${request.method} ${new URL(request.url, baseUrl).pathname}`) {
    case 'GET /':
      return send(response, 200, session ? signedInPage(session.claims) : signedOutPage());
    case 'POST /sign-in':
      return beginSignIn(request, response);
    case 'POST /callback':
      return finishSignIn(request, response);
    case 'POST /call':
      if (!session) return redirect(response, '/');
      return send(response, 200, signedInPage(session.claims, await callApi(session)));
    case 'POST /sign-out':
      return signOut(request, response, session);
    default:
      return send(response, 404, failurePage('Not found', 'There is no such page.'));
  }
}

const server = http.createServer((request, response) => {
  route(request, response).catch((error) => {
    console.error(`${request.method} ${request.url.split('?')[0]} failed: ${error.details ?? error.message}`);
    send(response, 502, failurePage('That did not work', error.details ?? 'Something went wrong.'));
  });
});
server.listen(Number(flags.listen), '127.0.0.1', () => {
  baseUrl ??= `http://localhost:${server.address().port}`;
  console.log(JSON.stringify({ url: baseUrl }));
});
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
