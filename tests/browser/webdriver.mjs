// A headless Chromium, driven over the WebDriver protocol (W3C) that Debian's chromedriver speaks.
import { execFileSync } from 'node:child_process';
import { accepts, Child, eventually, freePort, scratchFolder } from '../black_box/harness/child.mjs';

// Nothing of the browser's own reaches beyond this machine.
const ARGUMENTS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--disable-dev-shm-usage', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
];
const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';

export class Chromium {
  static async start() {
    const browser = new Chromium();
    const port = await freePort();
    browser.driver = new Child('chromedriver', [`--port=${port}`]);
    await browser.driver.until(() => accepts(port), 'chromedriver accepts connections');
    browser.base = `http://127.0.0.1:${port}`;
    const binary = execFileSync('sh', ['-c', 'command -v chromium']).toString().trim();
    const args = [...ARGUMENTS, `--user-data-dir=${scratchFolder()}`];
    const capabilities = { alwaysMatch: { 'goog:chromeOptions': { binary, args } } };
    const { sessionId } = await browser.#send('POST', '/session', { capabilities });
    browser.session = `/session/${sessionId}`;
    return browser;
  }

  async #send(method, path, body) {
    const answer = await fetch(`${this.base}${path}`, {
      method,
      ...(method === 'POST' && { body: JSON.stringify(body ?? {}) }),
    });
    const { value } = await answer.json();
    if (!answer.ok) throw new Error(`${method} ${path.split('/').pop()}: ${value.error}: ${value.message}`);
    return value;
  }

  #do(method, path, body) { return this.#send(method, `${this.session}${path}`, body); }

  open(url) { return this.#do('POST', '/url', { url }); }
  url() { return this.#do('GET', '/url'); }
  source() { return this.#do('GET', '/source'); }
  cookies() { return this.#do('GET', '/cookie'); }
  deleteCookies() { return this.#do('DELETE', '/cookie'); }

  // Waits for the first element that a CSS selector finds, and returns its id.
  async find(selector) {
    try {
      return await eventually(async () => {
        const found = await this.#do('POST', '/element', { using: 'css selector', value: selector });
        return found[ELEMENT];
      }, `an element ${selector}`, 15000);
    } catch (error) {
      throw new Error(`${error.message}\nat ${await this.url()}:\n${(await this.source()).slice(0, 2000)}`);
    }
  }

  async text(selector) {
    return this.#do('GET', `/element/${await this.find(selector)}/text`);
  }

  async click(selector) {
    await this.#do('POST', `/element/${await this.find(selector)}/click`);
  }

  async type(selector, text) {
    await this.#do('POST', `/element/${await this.find(selector)}/value`, { text });
  }

  async stop() {
    await this.#do('DELETE', '').catch(() => {});
    await this.driver.stop();
  }
}
