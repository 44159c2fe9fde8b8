// Token exchange (RFC 8693) as an extension grant of oidc-provider: any of its access tokens for one of
// the same user for another API.
import { errors } from 'oidc-provider';

export const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

const PARAMETERS = [
  'subject_token', 'subject_token_type', 'actor_token', 'actor_token_type', 'requested_token_type', 'audience', 'resource',
  'scope',
];

async function exchange(provider, ctx) {
  const { client, params } = ctx.oidc;
  if (params.subject_token_type !== ACCESS_TOKEN) throw new errors.InvalidRequest('only access tokens are exchanged');
  const subject = await provider.AccessToken.find(params.subject_token);
  if (!subject || subject.isExpired) throw new errors.InvalidRequest('the subject_token is no good');
  const token = new provider.AccessToken({
    accountId: subject.accountId,
    client,
    grantId: subject.grantId,
    gty: 'token_exchange',
    scope: params.scope ?? subject.scope,
    expiresWithSession: false,
  });
  ctx.oidc.entity('AccessToken', token);
  ctx.body = {
    access_token: await token.save(),
    issued_token_type: ACCESS_TOKEN,
    token_type: token.tokenType,
    expires_in: token.expiration,
    scope: token.scope,
  };
}

export function registerTokenExchange(provider) {
  provider.registerGrantType(GRANT_TYPE, (ctx) => exchange(provider, ctx), PARAMETERS, ['audience', 'resource']);
}
