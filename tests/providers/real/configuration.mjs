// What oidc-provider is told: everything that the broker may ask of an OpenID provider is on.
import { randomBytes } from 'node:crypto';
import { errors } from 'oidc-provider';

const RESPONSE_TYPES = ['code', 'code id_token', 'code token', 'code id_token token'];

const ACCOUNT_CLAIMS = {
  openid: ['sub', 'https://claims.example.org/tenant'],
  profile: ['name', 'preferred_username', 'groups', 'locale'],
  email: ['email', 'email_verified'],
};

// Any login name is an account; its claims are made from the name.
function findAccount(_ctx, id) {
  return {
    accountId: id,
    claims: async () => ({
      sub: id,
      name: `${id} Example`,
      preferred_username: id,
      groups: ['staff', 'überprüfer'],
      locale: 'de-AT',
      email: `${id}@example.org`,
      email_verified: true,
      'https://claims.example.org/tenant': { id: 7, plan: 'gold', regions: ['eu', 'us'] },
    }),
  };
}

const JWS_ALGORITHMS = ['HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256',
  'ES384', 'ES512', 'Ed25519', 'EdDSA'];

// Client certificates (RFC 8705). They are asked for at `origin` alone, which the metadata names as aliases.
function certificates(origin) {
  return {
    features: {
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        selfSignedTlsClientAuth: true,
        tlsClientAuth: true,
        getCertificate: (ctx) => ctx.socket.getPeerX509Certificate?.()?.toString(),
        certificateAuthorized: (ctx) => ctx.socket.authorized,
        certificateSubjectMatches: (ctx, property, expected) => property === 'tls_client_auth_san_dns'
          && ctx.socket.getPeerX509Certificate().checkHost(expected, { subject: 'never' }) === expected,
      },
    },
    methods: ['tls_client_auth', 'self_signed_tls_client_auth'],
    discovery: {
      mtls_endpoint_aliases: {
        token_endpoint: `${origin}/token`,
        revocation_endpoint: `${origin}/token/revocation`,
        introspection_endpoint: `${origin}/token/introspection`,
        userinfo_endpoint: `${origin}/me`,
        pushed_authorization_request_endpoint: `${origin}/request`,
      },
    },
  };
}

// Every absolute URI under the API's is an API of ours; its tokens are JWTs (RFC 9068).
function resourceServer(options) {
  return (_ctx, identifier) => {
    if (!identifier.startsWith('https://api.example.org/')) throw new errors.InvalidTarget();
    return {
      audience: identifier,
      scope: 'hello:read hello:write',
      accessTokenFormat: 'jwt',
      accessTokenTTL: options.accessTokenLifetime,
      jwt: { sign: { alg: 'RS256' } },
    };
  };
}

// Returns the configuration for `new Provider(issuer, ...)`. `options` are those of provider.mjs.
export function makeConfiguration(options, jwks) {
  const mtls = options.mtlsOrigin ? certificates(options.mtlsOrigin) : { features: {}, methods: [] };
  return {
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'none',
      ...mtls.methods],
    discovery: mtls.discovery ?? {},
    clients: options.clients,
    clientDefaults: {
      grant_types: ['authorization_code', 'implicit', 'refresh_token'],
      response_types: RESPONSE_TYPES,
    },
    responseTypes: RESPONSE_TYPES,
    jwks,
    findAccount,
    // Logout tokens go to applications on loopback, which the provider's own dispatcher refuses.
    fetch: (url, { dispatcher: _, ...options }) => fetch(url, options),
    claims: ACCOUNT_CLAIMS,
    enabledJWA: {
      clientAuthSigningAlgValues: JWS_ALGORITHMS,
      dPoPSigningAlgValues: ['ES256', 'EdDSA', 'PS256', 'RS256'],
      idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA', 'HS256'],
    },
    scopes: ['openid', 'offline_access', 'hello:read', 'hello:write'],
    // The claims of the scopes come in the ID token too, as Auth0 and others send them.
    conformIdTokenClaims: false,
    cookies: { keys: ['only for tests'] },
    pkce: { required: (_ctx, client) => client.clientAuthMethod === 'none' },
    rotateRefreshToken: options.rotation,
    // `audience` is how Auth0 names an API; here it is another word for `resource`.
    extraParams: { audience: null, organization: null, invitation: null },
    ttl: {
      AccessToken: options.accessTokenLifetime,
      AuthorizationCode: 60,
      ClientCredentials: options.accessTokenLifetime,
      Grant: 14 * 24 * 3600,
      IdToken: 3600,
      Interaction: 600,
      RefreshToken: options.refreshTokenLifetime,
      Session: 24 * 3600,
    },
    features: {
      ...mtls.features,
      devInteractions: { enabled: true },
      backchannelLogout: { enabled: true },
      claimsParameter: { enabled: true },
      clientCredentials: { enabled: true },
      dPoP: {
        enabled: true,
        nonceSecret: randomBytes(32),
        requireNonce: () => options.dpopNonces,
      },
      encryption: { enabled: true },
      // Clients whose name says so are held to the FAPI 2.0 Security Profile.
      fapi: { enabled: true, profile: (_ctx, client) => (client?.clientId.startsWith('fapi2') ? '2.0' : undefined) },
      introspection: { enabled: true },
      jwtResponseModes: { enabled: true },
      jwtUserinfo: { enabled: true },
      pushedAuthorizationRequests: { enabled: true },
      requestObjects: { enabled: true },
      revocation: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: (ctx, _client, oneOf) => oneOf?.[0] ?? ctx.oidc.params.audience,
        useGrantedResource: () => true,
        getResourceServerInfo: resourceServer(options),
      },
    },
  };
}
