// The walk of deploy/demo.sh: one sign-in from the authorization URL to the revocation, told step by
// step. Fails when anything is not as it says.
//
//   walk.mjs --broker ADDRESS --client NAME --redirect-uri URI --api URL
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { eventually } from '../black_box/harness/child.mjs';
import { fails, RELOGIN } from '../black_box/harness/expect.mjs';
import { connect, plain, seconds } from '../black_box/harness/rpc.mjs';
import { signIn } from '../providers/sign_in.mjs';

const { values: flags } = parseArgs({
  options: {
    broker: { type: 'string' },
    client: { type: 'string' },
    'redirect-uri': { type: 'string' },
    api: { type: 'string' },
  },
});
const rpc = connect(flags.broker);

let number = 0;
function step(title, ...lines) {
  number += 1;
  console.log(`\n${number}. ${title}`);
  for (const line of lines) console.log(`     ${line}`);
}

const short = (token) => `${token.slice(0, 12)}… (${token.length} characters)`;
const left = (timestamp) => `${(seconds(timestamp) - Date.now() / 1000).toFixed(1)} s left`;

async function callApi(token) {
  const answer = await fetch(flags.api, { headers: { authorization: `Bearer ${token}` } });
  return { status: answer.status, text: (await answer.text()).trim() };
}

const begun = await rpc.CreateAuthorizationUrl({
  client: flags.client,
  redirect_uri: flags['redirect-uri'],
  response_type: 'code id_token',
  response_mode: 'form_post',
  prompt: 'consent',
});
step('The application asks the broker where to send the browser (CreateAuthorizationUrl)', begun.authorization_url);
const query = new URL(begun.authorization_url).searchParams;
assert.equal(query.get('response_type'), 'code id_token');
assert.equal(query.get('code_challenge_method'), 'S256');

const callback = await signIn(begun.authorization_url, { login: 'alice' });
step('Alice signs in on the provider\'s pages and consents; the provider has her browser post this back:',
  `POST ${callback.action}`,
  ...Object.entries(callback.fields).map(([name, value]) => `${name} = ${short(value)}`));

const { grant, id_token_claims: claims } = await rpc.SubmitCallback({
  form_body: callback.body,
  browser_binding: begun.browser_binding,
});
step('The application hands the form to the broker, which checks it, redeems the code and keeps the grant (SubmitCallback)',
  `grant    ${grant.grant_id}`,
  `subject  ${grant.subject} at ${grant.issuer}`,
  `scopes   ${grant.scopes.join(' ')}`,
  `claims   ${JSON.stringify(plain(claims))}`);
assert.equal(grant.subject, 'alice');
assert.equal(grant.refreshable, true);

const selector = { grant_id: grant.grant_id };
const first = await rpc.GetAccessToken(selector);
step('Whoever may see the grant gets an access token for it (GetAccessToken)',
  `${first.token_type} ${short(first.access_token)}, ${left(first.expires_at)}, generation ${first.generation}`);

const hello = await callApi(first.access_token);
step('The API takes it', `GET ${flags.api}  ->  ${hello.status} ${hello.text}`);
assert.equal(hello.status, 200);

const refused = await eventually(async () => {
  const answer = await callApi(first.access_token);
  return answer.status === 401 && answer;
}, 'the token expires', 30000);
step('It lives for a few seconds only; then the API refuses it', `GET ${flags.api}  ->  ${refused.status} ${refused.text}`);

const second = await rpc.GetAccessToken({ ...selector, min_remaining_lifetime: { seconds: 1 } });
const again = await callApi(second.access_token);
step('Asked for a token that is good for another second at least, the broker uses the refresh token, which the provider rotates',
  `${second.token_type} ${short(second.access_token)}, ${left(second.expires_at)}, generation ${second.generation}`,
  `GET ${flags.api}  ->  ${again.status} ${again.text}`);
assert.notEqual(second.access_token, first.access_token);
assert.equal(again.status, 200);

const { revoked_at_provider: confirmed } = await rpc.RevokeGrant(selector);
const dead = await callApi(second.access_token);
const error = await fails(rpc.GetAccessToken(selector), RELOGIN);
step('The grant is revoked, at the provider and here (RevokeGrant)',
  `the provider ${confirmed ? 'confirmed it' : 'did not confirm it'}`,
  `GET ${flags.api}  ->  ${dead.status}`,
  `GetAccessToken  ->  ${error.code} ${error.reason}`);
assert.equal(confirmed, true);
assert.equal(dead.status, 401);

rpc.close();
console.log(`\nAll ${number} steps went as they should.`);
