// The misbehaving provider, in a process of its own, with a ledger of every refresh.
//
// Rotation is strict: a refresh token that comes a second time kills its family, whoever sends it. Tokens say whose
// they are and when they were made: `at.<family>.<number>.<milliseconds>.<random>`, `rt.<family>.<number>.<random>`.
//
// Who asks for the metadata gets a token endpoint of its own, and gets it once the parent has looked whose connection
// that is: so it is known of every refresh which process sent it.
//
// The parent sends {do: name, ...}: `weather` changes how requests are answered from now on, `catch` keeps the next
// refresh at a point until `release`, `discover` lets an answer with metadata go, `report` wants the ledger.
import { randomBytes } from 'node:crypto';
import { HostileServer } from '../providers/hostile/server.mjs';

const random = () => randomBytes(12).toString('base64url');
const [clientSecret, tokenSeconds] = process.argv.slice(2);

const families = []; // {subject, number, dead, events: [{at, number, outcome, answered, via}]}
let weather = {}; // {delayMs, status, retryAfter, lose}
let caught; // {point, reached, release}
let asked = 0; // for the metadata
const waiting = new Map(); // who asked -> what lets the answer go

const server = await HostileServer.start();
const op = server.tenant('chaos', { clientSecret, alg: 'EdDSA', expiresIn: Number(tokenSeconds), kid: 'chaos' });
op.log = { push() {} };
op.secret = (value) => value;

// Everybody is who the login_hint says.
const authorize = op.authorize.bind(op);
op.authorize = (url) => {
  op.subject = new URL(url).searchParams.get('login_hint');
  return authorize(url);
};

op.issue = ({ family }) => `at.${family.index}.${family.number}.${Date.now()}.${random()}`;
op.newFamily = (request) => {
  const family = { index: families.length, subject: request.subject, number: 0, dead: false, events: [], request };
  families.push(family);
  request.family = family;
  return refreshTokenOf(family);
};
const refreshTokenOf = (family) => {
  family.current = `rt.${family.index}.${family.number}.${random()}`;
  return family.current;
};
const refused = (error, description) => ({ status: 400, json: { error, error_description: description } });

op.refresh = (form, jkt, tweak) => {
  const [, index, number] = form.refresh_token.split('.').map(Number);
  const family = families[index];
  const event = { at: Date.now(), number, outcome: 'ok', via: tweak.via };
  if (!family) return refused('invalid_grant', 'no such family');
  family.events.push(event);
  tweak.event = event;
  if (family.current !== form.refresh_token) event.outcome = 'reused';
  else if (family.dead) event.outcome = 'dead';
  if (event.outcome !== 'ok') {
    family.dead = true;
    return refused('invalid_grant', event.outcome);
  }
  family.number += 1;
  const { nonce, ...request } = family.request;
  return op.tokenResponse({ ...request, scope: form.scope ?? request.scope, family }, { refreshToken: refreshTokenOf(family), withIdToken: true }, tweak);
};

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const isRefresh = (request) => request.form?.grant_type === 'refresh_token';

// The port of the replica's end of the connection tells the parent which replica it is.
async function keep(point, port) {
  if (caught?.point !== point) return;
  const { release } = caught;
  caught = undefined;
  process.send({ caught: point, port });
  await release;
}

// Weather and catches go around the server's own way of answering.
const [plain] = server.server.listeners('request');
server.server.removeAllListeners('request');
server.server.on('request', async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, server.origin);
  if (pathname.endsWith('/openid-configuration')) {
    asked += 1;
    const via = asked;
    process.send({ discovered: via, port: request.socket.remotePort });
    await new Promise((resolve) => { waiting.set(via, resolve); });
    const metadata = op.metadata();
    return answer(response, { status: 200, json: { ...metadata, token_endpoint: `${metadata.token_endpoint}?via=${via}` } });
  }
  if (!pathname.endsWith('/token')) return plain(request, response);
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString();
  const seen = { method: request.method, url: request.url, headers: request.headers, body, form: Object.fromEntries(new URLSearchParams(body)) };
  const port = request.socket.remotePort;
  if (!isRefresh(seen)) return answer(response, op.token(seen, {}));
  const now = weather;
  if (now.delayMs) await pause(now.delayMs);
  if (now.status) {
    const headers = now.retryAfter ? { 'retry-after': String(now.retryAfter) } : {};
    return answer(response, { status: now.status, json: { error: 'temporarily_unavailable' }, headers });
  }
  await keep('request', port);
  const tweak = { via: Number(searchParams.get('via')) };
  const made = op.token(seen, tweak);
  if (now.lose && tweak.event?.outcome === 'ok') {
    tweak.event.answered = false;
    return request.socket.destroy();
  }
  response.on('close', () => { if (tweak.event) tweak.event.answered = response.writableFinished; });
  answer(response, made);
  return keep('answer', port);
});
function answer(response, { status, json, headers = {} }) {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers });
  response.end(JSON.stringify(json));
}

process.on('message', (message) => {
  if (message.do === 'weather') weather = message.weather;
  if (message.do === 'catch') {
    let release;
    caught = { point: message.point, release: new Promise((resolve) => { release = resolve; }) };
    process.once('message', function onRelease(next) {
      if (next.do === 'release') release();
      else process.once('message', onRelease);
    });
  }
  if (message.do === 'giveUp') caught = undefined;
  if (message.do === 'discover') waiting.get(message.asked)();
  if (message.do === 'report') {
    process.send({ report: families.map(({ subject, number, dead, events }) => ({ subject, number, dead, events })) });
  }
});
process.on('disconnect', () => process.exit(0));
process.send({ ready: server.origin });
