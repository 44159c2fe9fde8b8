#!/usr/bin/env node
// The hostile provider as a process of its own, for tests that are not written in JavaScript and for
// trying things by hand. Prints one line of JSON when it is ready: {"origin", "port"}.
//
//   provider.mjs [--port 0] [--tls-cert F --tls-key F]
//
//   POST /t/<id>/_control   makes the tenant <id> if need be. A JSON object with any of
//     settings   members of Tenant, such as {"alg": "ES256", "clientId": "shop", "clientSecret": "x"}
//     endpoint, times, patch   what to change in the next answers of an endpoint, patch being any of
//       params    {name: value}, null drops it                (endpoint authorize)
//       claims, header   of the ID token, null drops a member (authorize, token)
//       json      members of the JSON body, null drops one    (the others)
//       answer    as in faults.mjs                            (the others)
//   GET /t/<id>/_control    the tenant: {issuer, clientId, clientSecret, log}
//   GET /t/<id>/authorize?… answers at once with {"form_body"} or {"redirect_url"}
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { HostileServer } from './server.mjs';

const { values: flags } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    'tls-cert': { type: 'string' },
    'tls-key': { type: 'string' },
  },
});

function patched(object, patch = {}) {
  const merged = { ...object, ...patch };
  for (const [name, value] of Object.entries(patch)) if (value === null) delete merged[name];
  return merged;
}

function tweakOf({ params, claims, header, json, answer }) {
  return {
    params: (list) => Object.entries(patched(Object.fromEntries(list), params)),
    idToken: (plan) => {
      plan.claims = patched(plan.claims, claims);
      plan.header = patched(plan.header, header);
    },
    json: (body) => (json ? patched(body, json) : body),
    response: (sent) => ({ ...sent, ...answer }),
  };
}

function control(server, id, request, response) {
  const { settings, endpoint, times, patch } = JSON.parse(request.body || '{}');
  const op = server.tenant(id, settings);
  if (endpoint) op.next(endpoint, tweakOf(patch ?? {}), times);
  const { issuer, clientId, clientSecret, log } = op;
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ issuer, clientId, clientSecret, log }));
}

const tls = flags['tls-cert'] && {
  cert: readFileSync(flags['tls-cert']),
  key: readFileSync(flags['tls-key']),
};
const server = await HostileServer.start({ port: Number(flags.port), tls, control });
console.log(JSON.stringify({ origin: server.origin, port: server.port }));
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
