// The command line, as somebody at a terminal and as a script.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Broker, baseConfig } from './harness/broker.mjs';
import { Child, freePort, scratchFolder } from './harness/child.mjs';
import { providerConfig } from './harness/hostile_world.mjs';
import { secret, secretsOfCallback } from './harness/secrets.mjs';
import { signIn } from '../providers/sign_in.mjs';

const TOKENCTL = fileURLToPath(new URL('../../build/release/client/tokenctl/tokenctl', import.meta.url));
const goodbye = 'http://127.0.0.1:8080/';
const PROVIDER = fileURLToPath(new URL('../providers/real/provider.mjs', import.meta.url));

describe('tokenctl', () => {
  let broker, provider, redirectUri;

  const start = (...args) =>
    new Child(TOKENCTL, args, {
      env: { ...process.env, TOKEN_BROKER_ADDRESS: broker.address },
      stdio: [args[0] === 'exchange' ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    });

  async function run(...args) {
    const child = start(...args);
    const { code } = await child.exited;
    return { code, stdout: child.stdout, output: child.output };
  }

  // Signs in as the browser would, and returns what tokenctl printed of the grant.
  async function login(mode, client = 'cli') {
    const child = start('login', `--client=${client}`, '--noopen', '--prompt=consent', `--response_mode=${mode}`,
      `--redirect_uri=${redirectUri}`, '--json');
    const url = await child.until(() => /http:\S+/.exec(child.output)?.[0], 'the authorize URL');
    const callback = await signIn(url, 'alice');
    secretsOfCallback(callback.mode === 'form_post' ? { form_body: callback.body } : { redirect_url: callback.url });
    const page = callback.mode === 'form_post'
      ? await fetch(redirectUri, { method: 'POST', body: callback.body, headers: { 'content-type': 'application/x-www-form-urlencoded' } })
      : await fetch(callback.url);
    assert.equal(page.status, 200);
    assert.equal((await child.exited).code, 0, child.output);
    return JSON.parse(child.stdout);
  }

  before(async () => {
    redirectUri = `http://127.0.0.1:${await freePort()}/callback`;
    const clients = join(scratchFolder(), 'clients.json');
    const registered = {
      token_endpoint_auth_method: 'none',
      redirect_uris: [redirectUri],
      post_logout_redirect_uris: [goodbye],
      grant_types: ['authorization_code', 'implicit', 'refresh_token', 'urn:ietf:params:oauth:grant-type:token-exchange'],
    };
    writeFileSync(clients, JSON.stringify([
      { client_id: 'cli', ...registered },
      { client_id: 'bound', dpop_bound_access_tokens: true, response_types: ['code'], ...registered },
    ]));
    provider = new Child(process.execPath, [PROVIDER, '--clients', clients]);
    const { issuer } = await provider.readyLine();
    broker = await Broker.start(baseConfig({
      providers: [providerConfig(issuer, 'real')],
      clients: ['cli', 'bound'].map((name) => ({
        name, provider: 'real', client_id: name, authentication: { none: {} },
        redirect_uris: [redirectUri], response_types: ['code'], response_modes: ['form_post', 'query'],
        post_logout_redirect_uris: [goodbye], token_exchange: name === 'cli',
        scopes: ['openid', 'profile', 'offline_access'],
        ...(name === 'bound' && { dpop: {} }),
      })),
    }));
  });

  after(async () => {
    await broker.stop();
    await provider.stop();
  });

  for (const mode of ['form_post', 'query']) {
    it(`signs in by ${mode} and uses the grant`, async () => {
      const { grant, id_token_claims: claims } = await login(mode);
      assert.equal(claims.sub, 'alice');
      assert.equal(grant.subject, 'alice');

      const token = await run('token', grant.grant_id);
      assert.equal(token.code, 0, token.output);
      assert.match(token.stdout, /^\S{20,}\n$/);
      secret('access token', token.stdout.trim());

      const shown = await run('grant', grant.grant_id);
      assert.match(shown.stdout, /state +active/);
      assert.ok(!shown.stdout.includes(token.stdout.trim()));
      assert.match((await run('grants')).stdout, new RegExp(`${grant.grant_id} +active +cli +alice`));
      assert.equal(JSON.parse((await run('userinfo', grant.grant_id)).stdout).sub, 'alice');

      const logout = await run('logout', grant.grant_id, `--post_logout_redirect_uri=${goodbye}`);
      assert.equal(logout.code, 0, logout.output);
      const query = new URL(secret('logout URL', logout.stdout.trim())).searchParams;
      secret('ID token', query.get('id_token_hint'));
      assert.deepEqual([query.get('client_id'), query.get('post_logout_redirect_uri')], ['cli', goodbye]);

      const exchange = start('exchange', '--client=cli', '--scopes=profile');
      exchange.process.stdin.end(token.stdout);
      assert.equal((await exchange.exited).code, 0, exchange.output);
      assert.match(secret('exchanged token', exchange.stdout.trim()), /^\S{20,}$/);

      assert.equal((await run('revoke', grant.grant_id)).code, 2, 'no terminal and no --yes');
      const revoked = await run('revoke', grant.grant_id, '--yes');
      assert.match(revoked.stdout, /here and at the provider/);
      const after = await run('token', grant.grant_id);
      assert.equal(after.code, 5);
      assert.match(after.output, /REAUTHORIZATION_REQUIRED/);
    });
  }

  it('prints a proof beside a token that is bound to a key', async () => {
    const { grant } = await login('query', 'bound');
    const { code, stdout, output } = await run('token', grant.grant_id, '--dpop=GET https://api.example/orders');
    assert.equal(code, 0, output);
    const [token, proof] = stdout.trim().split('\n');
    secret('access token', token);
    secret('dpop_proof', proof);
    const { htm, htu } = JSON.parse(Buffer.from(proof.split('.')[1], 'base64url'));
    assert.deepEqual([htm, htu], ['GET', 'https://api.example/orders']);
  });

  const mistakes = {
    'no command': [[], 2, /a command is missing/],
    'an unknown command': [['tokens'], 2, /no command tokens/],
    'a proof for no URI': [['token', 'nonsense', '--dpop=GET'], 2, /--dpop takes/],
    'a missing argument': [['token'], 2, /takes one argument/],
    'a grant that is not there': [['token', 'nonsense'], 3, /GRANT_UNKNOWN/],
    'login without a client': [['login'], 2, /--client/],
    'exchange without a client': [['exchange'], 2, /--client/],
    'a logout of nothing': [['logout', 'nonsense'], 3, /GRANT_UNKNOWN/],
    'an unknown client': [['login', '--client=nobody', '--noopen', '--redirect_uri=http://127.0.0.1:0/'], 3, /CLIENT_UNKNOWN/],
    'a redirect URI elsewhere': [['login', '--client=cli', '--redirect_uri=https://a.example/cb'], 2, /loopback|127\.0\.0\.1/],
    'a state that is none': [['grants', '--state=happy'], 2, /--state/],
    'a certificate that is not there': [['grants', '--ca=/nowhere.pem'], 2, /nowhere\.pem/],
  };
  for (const [kind, [args, exitCode, says]] of Object.entries(mistakes)) {
    it(`says what is wrong with ${kind}`, async () => {
      const { code, output } = await run(...args);
      assert.equal(code, exitCode, output);
      assert.match(output, says);
    });
  }

  it('prints a completion script that bash takes', async () => {
    const { stdout } = await run('completion', 'bash');
    const bash = new Child('bash', ['-c', `${stdout}\nCOMP_WORDS=(tokenctl re) COMP_CWORD=1 _tokenctl; COMP_WORDS=(tokenctl re); COMP_CWORD=1; _tokenctl; echo "$COMPREPLY"`]);
    await bash.exited;
    assert.equal(bash.stdout.trim(), 'revoke', bash.output);
  });
});
