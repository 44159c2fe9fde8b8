// A person with a browser signs in on the sample web application, through the pages of a provider that
// nobody here wrote. The application is on another site than the provider, so that the form_post is as
// cross-site as it is in the world.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Chromium } from './webdriver.mjs';
import { Broker, baseConfig } from '../black_box/harness/broker.mjs';
import { Child, freePort, scratchFolder } from '../black_box/harness/child.mjs';
import { RESPONSE_TYPES, providerConfig } from '../black_box/harness/hostile_world.mjs';
import { secret } from '../black_box/harness/secrets.mjs';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const CLIENT_SECRET = secret('client secret', 'a secret between two processes');

describe('the sample web application in Chromium', () => {
  const applications = new Map(); // response type -> {url, child}
  let provider;
  let ready;
  let broker;
  let browser;

  before(async () => {
    const ports = new Map();
    for (const type of RESPONSE_TYPES) ports.set(type, await freePort());
    const redirectUris = [...ports.values()].map((port) => `http://localhost:${port}/callback`);
    const registration = { client_id: 'sample', client_secret: CLIENT_SECRET, redirect_uris: redirectUris };
    const file = join(scratchFolder(), 'clients.json');
    writeFileSync(file, JSON.stringify([registration]));
    const args = [path('../providers/real/provider.mjs'), '--clients', file, '--access-token-lifetime', '60'];
    provider = new Child(process.execPath, args);
    ready = await provider.readyLine();
    broker = await Broker.start(baseConfig({
      providers: [providerConfig(ready.issuer, 'real')],
      clients: [{
        name: 'sample',
        provider: 'real',
        client_id: 'sample',
        authentication: { client_secret_basic: { secrets: [{ inline: CLIENT_SECRET }] } },
        redirect_uris: redirectUris,
        response_types: RESPONSE_TYPES,
        scopes: ['openid', 'profile', 'offline_access', 'hello:read'],
      }],
    }));
    for (const [type, port] of ports) {
      const child = new Child(process.execPath, [
        path('../../client/examples/webapp/server.mjs'), '--broker', broker.address, '--client', 'sample',
        '--api', `${ready.api}/api/hello`, '--listen', String(port), '--response-type', type,
      ]);
      applications.set(type, { child, ...(await child.readyLine()) });
    }
    browser = await Chromium.start();
  });

  after(async () => {
    await browser?.stop();
    for (const { child } of applications.values()) await child.stop();
    await broker?.stop();
    await provider?.stop();
  });

  // Opens the application as somebody whom the provider does not know yet, and begins to sign in.
  async function begin(url) {
    await browser.open(`${ready.issuer}/nothing`);
    await browser.deleteCookies();
    await browser.open(url);
    await browser.click('#sign-in');
    await browser.find('input[name=login]');
  }

  // Signs in and consents on the provider's pages.
  async function signInAs(user) {
    await browser.type('input[name=login]', user);
    await browser.type('input[name=password]', 'any');
    assert.ok((await browser.url()).startsWith(ready.issuer));
    await browser.click('.login-submit');
    await browser.find('input[name=prompt][value=consent]');
    await browser.click('.login-submit');
  }

  for (const type of RESPONSE_TYPES) {
    it(`signs a user in with ${type}, calls the API and signs out`, async () => {
      const { url, child } = applications.get(type);
      await begin(url);
      await signInAs('grace');

      const claims = JSON.parse(await browser.text('#claims'));
      assert.equal(await browser.url(), `${url}/`);
      assert.equal(claims.sub, 'grace');
      assert.deepEqual(claims.groups, ['staff', 'überprüfer']);
      const names = (await browser.cookies()).map(({ name }) => name);
      assert.deepEqual(names, ['__Host-session'], 'the binding cookie is gone');

      await browser.click('#call');
      const answer = JSON.parse(await browser.text('#api'));
      assert.deepEqual([answer.status, answer.body.hello], [200, 'grace']);

      await browser.click('#sign-out');
      await browser.find('#sign-in');
      assert.ok(!/access_token|refresh/.test(child.output), child.output);
    });
  }

  it('refuses a callback in a browser that did not begin the sign-in', async () => {
    const { url } = applications.get('code id_token');
    await begin(url);
    const page = await browser.url();
    await browser.open(url);
    await browser.deleteCookies(); // the application's: as in another browser
    await browser.open(page);
    await signInAs('mallory');
    assert.match(await browser.text('#failure'), /browser/);
  });
});
