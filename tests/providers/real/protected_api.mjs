// An API that wants a token: GET /api/hello says who it is for. A bearer token (RFC 6750) is enough
// by itself; one that is bound to a key comes with a proof (RFC 9449).
//
// A JWT is checked against the provider's keys, an opaque token by introspection (RFC 7662), as a
// resource server of its own would.
import http from 'node:http';
import https from 'node:https';
import { createHash, randomUUID } from 'node:crypto';
import { EmbeddedJWK, calculateJwkThumbprint, createLocalJWKSet, jwtVerify } from 'jose';

async function postForm(url, form, { client_id: id, client_secret: secret }) {
  const request = (url.startsWith('https:') ? https : http).request(url, {
    method: 'POST',
    rejectUnauthorized: false,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
    },
  });
  request.end(new URLSearchParams(form).toString());
  const response = await new Promise((resolve, reject) => {
    request.on('response', resolve).on('error', reject);
  });
  let body = '';
  for await (const chunk of response) body += chunk;
  return JSON.parse(body);
}

async function verify(token, { jwks, issuer, client }) {
  if (token.split('.').length === 3) {
    const { payload } = await jwtVerify(token, createLocalJWKSet(jwks), { issuer, typ: 'at+jwt' });
    return payload;
  }
  const answer = await postForm(`${issuer}/token/introspection`, { token }, client);
  if (!answer.active) throw new Error('the token is not active');
  return answer;
}

const PROOF_SECONDS = 60;

// RFC 9449 section 4.3. `seen` are the proofs that have been used.
async function checkProof(request, token, bound, seen) {
  const options = { typ: 'dpop+jwt', maxTokenAge: PROOF_SECONDS, algorithms: ['ES256', 'EdDSA', 'PS256', 'RS256'] };
  const { payload, protectedHeader } = await jwtVerify(request.headers.dpop ?? '', EmbeddedJWK, options);
  const expected = {
    htm: request.method,
    htu: `http://${request.headers.host}${request.url.replace(/[?#].*/, '')}`,
    ath: createHash('sha256').update(token).digest('base64url'),
  };
  for (const [name, value] of Object.entries(expected)) {
    if (payload[name] !== value) throw new Error(`the proof's ${name} is not the request's`);
  }
  if (!payload.jti || seen.has(payload.jti)) throw new Error('the proof was used before');
  seen.add(payload.jti);
  if ((await calculateJwkThumbprint(protectedHeader.jwk)) !== bound) throw new Error('the proof is by another key');
  return payload;
}

// Returns a request listener for an http.Server. `jwks` are the provider's public keys, `client` is the
// API's own registration there; with `dpopNonces`, proofs must have a nonce, good for one request.
export function protectedApi(context) {
  const seen = new Set();
  let nonce = randomUUID();
  return async (request, response) => {
    const send = (status, body, headers = {}) => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(`${JSON.stringify(body)}\n`);
    };
    const [, scheme, token] = /^(Bearer|DPoP) ([\w.~+/-]+=*)$/i.exec(request.headers.authorization ?? '') ?? [];
    if (!token) return send(401, { error: 'no token' }, { 'www-authenticate': 'Bearer' });
    try {
      const { sub, scope, aud, cnf } = await verify(token, context);
      if (Boolean(cnf?.jkt) !== /^dpop$/i.test(scheme)) throw new Error('the scheme is not the token\'s');
      if (cnf?.jkt) {
        const proof = await checkProof(request, token, cnf.jkt, seen);
        if (context.dpopNonces) {
          const fresh = proof.nonce === nonce;
          nonce = randomUUID();
          if (!fresh) {
            const challenge = { 'www-authenticate': 'DPoP error="use_dpop_nonce"', 'dpop-nonce': nonce };
            return send(401, { error: 'use_dpop_nonce' }, challenge);
          }
        }
      }
      return send(200, { hello: sub, scope, aud });
    } catch (error) {
      const challenge = 'Bearer error="invalid_token"';
      return send(401, { error: error.message }, { 'www-authenticate': challenge });
    }
  };
}
