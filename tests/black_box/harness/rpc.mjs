// The broker's RPCs as promises. A failure is an RpcFailure with the google.rpc details taken apart.
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import protobuf from 'protobufjs';
import { secret, secretsOfCallback, secretsOfUrl } from './secrets.mjs';

const PROTOS = fileURLToPath(new URL('../../../proto', import.meta.url));
const OPTIONS = { includeDirs: [PROTOS], keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true };

const load = (file) => grpc.loadPackageDefinition(loadSync(file, OPTIONS));
const { TokenBroker } = load('tokenbroker/v1/token_broker.proto').tokenbroker.v1;

const details = new protobuf.Root();
details.resolvePath = (_from, to) => `${PROTOS}/${to}`;
details.loadSync(['google/rpc/status.proto', 'google/rpc/error_details.proto'], { keepCase: true });

function decodeDetails(metadata) {
  const [bytes] = metadata?.get('grpc-status-details-bin') ?? [];
  if (!bytes) return {};
  const found = {};
  for (const any of details.lookupType('google.rpc.Status').decode(bytes).details) {
    const name = any.type_url.split('/').pop();
    found[name] = details.lookupType(name).toObject(details.lookupType(name).decode(any.value), { longs: Number });
  }
  return found;
}

export class RpcFailure extends Error {
  constructor(method, error) {
    const found = decodeDetails(error.metadata);
    const info = found['google.rpc.ErrorInfo'] ?? {};
    super(`${method}: ${grpc.status[error.code]} ${info.reason ?? '(no reason)'} ${JSON.stringify(info.metadata ?? {})}: ${error.details}`);
    this.code = grpc.status[error.code];
    this.reason = info.reason;
    this.domain = info.domain;
    this.facts = info.metadata ?? {};
    this.text = error.details;
    this.retryInfo = found['google.rpc.RetryInfo'];
    this.badRequest = found['google.rpc.BadRequest'];
  }
}

// A google.protobuf.Struct, as proto-loader gives it, as a plain object.
export function plain(struct) {
  const value = (v) => {
    switch (v.kind) {
      case 'structValue': return plain(v.structValue);
      case 'listValue': return v.listValue.values.map(value);
      case 'nullValue': return null;
      default: return v[v.kind];
    }
  };
  return Object.fromEntries(Object.entries(struct?.fields ?? {}).map(([k, v]) => [k, value(v)]));
}

export const seconds = (timestamp) => timestamp && Number(timestamp.seconds) + timestamp.nanos / 1e9;

// Returns an object with one method per RPC: `rpc.GetGrant({grant_id}, {deadlineMs, metadata})`.
// `machine` is the StagedMachine of the broker: deadlines are longer by as much as its clock is ahead.
export function connect(address, { credentials = grpc.credentials.createInsecure(), channel = {}, machine } = {}) {
  const stub = new TokenBroker(address, credentials, {
    'grpc.initial_reconnect_backoff_ms': 20,
    'grpc.max_receive_message_length': -1,
    ...channel,
  });
  const rpc = { close: () => stub.close(), stub };
  for (const method of Object.values(TokenBroker.service)) {
    const name = method.path.split('/').pop();
    if (method.responseStream) continue;
    rpc[name] = (request, { deadlineMs = 20000, metadata = {} } = {}) =>
      new Promise((resolve, reject) => {
        if (name === 'SubmitCallback') secretsOfCallback(request);
        secret('logout token', request.logout_token);
        const sent = new grpc.Metadata();
        for (const [key, value] of Object.entries(metadata)) sent.set(key, value);
        stub[name](request, sent, { deadline: Date.now() + deadlineMs + Math.max(0, machine?.ahead ?? 0) * 1000 }, (error, answer) => {
          if (error) return reject(new RpcFailure(name, error));
          noteSecrets(answer);
          return resolve(answer);
        });
      });
  }
  // `receive` is whether messages are taken as they come; see WatchedTokens.
  rpc.WatchAccessToken = (request, options) => new WatchedTokens(stub.WatchAccessToken(request), options);
  return rpc;
}

const { Admin } = load('tokenbroker/admin/v1/admin.proto').tokenbroker.admin.v1;

// The same for the RPCs of operators.
export function connectAdmin(address, { metadata = {} } = {}) {
  const stub = new Admin(address, grpc.credentials.createInsecure());
  const rpc = { close: () => stub.close() };
  for (const method of Object.values(Admin.service)) {
    const name = method.path.split('/').pop();
    rpc[name] = (request = {}) => new Promise((resolve, reject) => {
      const sent = new grpc.Metadata();
      for (const [key, value] of Object.entries(metadata)) sent.set(key, value);
      stub[name](request, sent, { deadline: Date.now() + 20000 }, (error, answer) =>
        (error ? reject(new RpcFailure(name, error)) : resolve(answer)));
    });
  }
  return rpc;
}

// What a WatchAccessToken stream brings.
export class WatchedTokens {
  #waiting = new Set();

  constructor(stream, { receive = true } = {}) {
    Object.assign(this, { stream, answers: [], ended: false, failure: undefined });
    const done = new Promise((resolve) => {
      stream.on('error', (error) => {
        this.failure = new RpcFailure('WatchAccessToken', error);
        resolve();
      });
      stream.on('end', () => { if (!this.failure) setImmediate(resolve); });
    });
    // How it ends: an RpcFailure, or undefined where it ends well.
    this.end = done.then(() => {
      this.ended = true;
      this.#look();
      return this.failure;
    });
    if (receive) this.receive();
  }

  // From now on messages are taken.
  receive() {
    this.stream.on('data', (answer) => {
      noteSecrets(answer);
      this.answers.push(answer);
      this.#look();
    });
  }

  get tokens() { return this.answers.map((answer) => answer.access_token); }
  get newest() { return this.answers.at(-1)?.access_token; }

  // Waits until `there(this)`.
  until(there, what, limitMs = 20000) {
    return new Promise((resolve, reject) => {
      const entry = { there, resolve: () => { clearTimeout(timer); resolve(this); } };
      const timer = setTimeout(() => {
        this.#waiting.delete(entry);
        reject(new Error(`${what}: not within ${limitMs} ms; ${this.answers.length} came${this.failure ? `, then ${this.failure.message}` : ''}`));
      }, limitMs);
      this.#waiting.add(entry);
      this.#look();
    });
  }

  count(number) { return this.until(() => this.answers.length >= number, `${number} tokens`); }
  has(token) { return this.until(() => this.newest === token, 'a certain token'); }

  cancel() { this.stream.cancel(); }

  #look() {
    for (const entry of this.#waiting) {
      if (!entry.there(this)) continue;
      this.#waiting.delete(entry);
      entry.resolve();
    }
  }
}

function noteSecrets(answer) {
  for (const name of ['access_token', 'front_channel_access_token', 'browser_binding', 'state', 'dpop_proof']) {
    secret(name, answer[name]);
  }
  for (const url of [answer.authorization_url, answer.logout_url]) if (url) secretsOfUrl(url);
}
