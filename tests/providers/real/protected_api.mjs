// An API that wants a bearer token (RFC 6750): GET /api/hello says who the token is for.
//
// A JWT is checked against the provider's keys, an opaque token by introspection (RFC 7662), as a
// resource server of its own would.
import http from 'node:http';
import https from 'node:https';
import { createLocalJWKSet, jwtVerify } from 'jose';

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

// Returns a request listener for an http.Server. `jwks` are the provider's public keys, `client` is the
// API's own registration there.
export function protectedApi(context) {
  return async (request, response) => {
    const send = (status, body, headers = {}) => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(`${JSON.stringify(body)}\n`);
    };
    const [, token] = /^Bearer ([\w.~+/-]+=*)$/i.exec(request.headers.authorization ?? '') ?? [];
    if (!token) return send(401, { error: 'no token' }, { 'www-authenticate': 'Bearer' });
    try {
      const { sub, scope, aud } = await verify(token, context);
      return send(200, { hello: sub, scope, aud });
    } catch (error) {
      const challenge = 'Bearer error="invalid_token"';
      return send(401, { error: error.message }, { 'www-authenticate': challenge });
    }
  };
}
