// Answers that break off at any byte, and answers without end: bounded time and memory, and nothing
// half-done is taken for done.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from './harness/child.mjs';
import { RELOGIN, fails } from './harness/expect.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { wireBytes } from '../providers/hostile/faults.mjs';

// Runs `work` for each item, a few at a time.
async function inParallel(items, work, width = 12) {
  const queue = [...items];
  await Promise.all(Array.from({ length: width }, async () => {
    while (queue.length > 0) await work(queue.shift());
  }));
}

// The length of what `endpoint` answers when it is asked by what `trigger` does.
async function lengthOf(signIn, endpoint, trigger) {
  let length;
  signIn.op.next(endpoint, { response: (answer) => { length = wireBytes(answer).length; return answer; } });
  await trigger();
  return length;
}

const PROVIDER = { request_timeout: '3s', connect_timeout: '1s', jwks: { minimum_lifetime: '5m' }, circuit_breaker: { failures: 10000 } };

describe('answers that break off', () => {
  let world;
  before(async () => {
    world = await HostileWorld.start({
      size: 20,
      provider: PROVIDER,
      client: { refresh: { floor: '0s' } },
    });
  });
  after(() => world?.stop());

  // An answer cut after so many bytes.
  const cut = (bytes, reset) => ({ response: (answer) => ({ ...answer, cut: { bytes, reset } }) });

  for (const reset of [true, false]) {
    it(`http-cut-answer: the token response is ${reset ? 'reset' : 'closed'} after every byte, and no code is sent twice`, async () => {
      const signIn = world.newCase({ alg: 'EdDSA' });
      const length = await lengthOf(signIn, 'token', () => signIn.run('code'));
      const { grant_id: whole } = (await signIn.grants())[0];
      const before_ = signIn.count('token');
      signIn.op.always('token', { response: (answer, { form }) => ({ ...answer, cut: { bytes: cuts.get(form.code), reset } }) });
      const cuts = new Map(); // code -> where the answer ends
      await inParallel(Array.from({ length }, (_, bytes) => bytes), async (bytes) => {
        const one = signIn.another();
        await one.begin('code');
        const callback = one.authorize();
        cuts.set(new URLSearchParams(callback.form_body).get('code'), bytes);
        const error = await one.submit(callback).then(() => assert.fail(`accepted after ${bytes} of ${length} bytes`), (e) => e);
        assert.ok(['UNAVAILABLE', 'INTERNAL'].includes(error.code), `${bytes}: ${error.message}`);
      });
      assert.equal(signIn.count('token'), before_ + length, 'each code was sent once');
      assert.deepEqual((await signIn.grants()).map(({ grant_id: id }) => id), [whole], 'nothing else was stored');
    });
  }

  it('http-cut-answer: a refresh is cut anywhere, and the grant stays as it was', async () => {
    const signIn = world.newCase({ alg: 'EdDSA' });
    await signIn.run('code');
    const held = (await signIn.token()).access_token;
    const length = await lengthOf(signIn, 'token', () => signIn.token({ rejected_access_token: held }));
    const grants = [];
    await inParallel(Array.from({ length }, (_, bytes) => bytes), async (bytes) => {
      const one = signIn.another();
      await one.run('code');
      grants.push({ one, bytes, held: (await one.token()).access_token });
    });
    for (const { one, bytes, held: token } of grants) {
      signIn.op.next('token', cut(bytes, bytes % 2 === 0));
      const error = await one.token({ rejected_access_token: token }).then(() => assert.fail(`accepted after ${bytes} bytes`), (e) => e);
      assert.ok(['UNAVAILABLE', 'INTERNAL'].includes(error.code), `${bytes}: ${error.message}`);
      assert.equal((await one.token()).access_token, token, 'the token that is good is served');
      assert.equal((await one.rpc.GetGrant({ grant_id: one.grantId })).grant.state, 'GRANT_STATE_ACTIVE');
    }
  });

  it('http-cut-answer: userinfo is cut after every byte, and the grant stays as it was', async () => {
    const signIn = world.newCase({ alg: 'EdDSA' });
    await signIn.run('code');
    const userInfo = () => signIn.rpc.GetUserInfo({ grant_id: signIn.grantId });
    const length = await lengthOf(signIn, 'userinfo', userInfo);
    let place = 0; // a GET goes again where a pooled connection says next to nothing: it is cut there too
    signIn.op.always('userinfo', { response: (answer) => (place < length ? { ...answer, cut: { bytes: place, reset: place % 2 === 0 } } : answer) });
    for (let bytes = 0; bytes < length; ++bytes) {
      place = bytes;
      const error = await userInfo().then(() => assert.fail(`accepted after ${bytes} bytes`), (e) => e);
      assert.ok(['UNAVAILABLE', 'INTERNAL'].includes(error.code), `${bytes}: ${error.message}`);
    }
    place = length;
    await userInfo();
    assert.equal(signIn.count('token'), 1);
  });

  for (const endpoint of ['discovery', 'jwks']) {
    it(`http-cut-answer: ${endpoint} is cut after every byte`, async () => {
      const probe = world.newCase({ alg: 'EdDSA' });
      const length = await lengthOf(probe, endpoint, () => probe.run('code id_token'));
      // Each at a provider of its own: one that has failed is not asked again at once.
      for (let first = 0; first < length; first += 300) {
        const places = Array.from({ length: Math.min(300, length - first) }, (_, i) => first + i);
        const many = await HostileWorld.start({ size: places.length, provider: PROVIDER });
        await inParallel(places, async (bytes) => {
          const signIn = many.newCase({ alg: 'EdDSA' });
          signIn.op.next(endpoint, cut(bytes, bytes % 2 === 0), 2);
          const error = await signIn.run('code id_token').then(() => undefined, (e) => e);
          // A GET that hardly anything came back to goes again; the third is answered whole.
          if (error) assert.ok(['UNAVAILABLE', 'INTERNAL'].includes(error.code), `${bytes}: ${error.message}`);
          else assert.equal(signIn.count(endpoint), 3, `accepted after ${bytes} of ${length} bytes`);
          assert.ok(signIn.count('token') <= 1);
        });
        await many.stop();
      }
    });
  }
});

describe('answers that break off where more than tokens is asked for', () => {
  let world;
  before(async () => {
    world = await HostileWorld.start({
      size: 10,
      client: { confirm_access_tokens: true, pushed_authorization_requests: 'always' },
      provider: { request_timeout: '3s', connect_timeout: '1s', circuit_breaker: { failures: 10000 } },
    });
  });
  after(() => world?.stop());

  const broken = (bytes) => (answer) => ({ ...answer, cut: { bytes, reset: bytes % 2 === 0 } });
  async function isRefused(go, bytes) {
    const error = await go().then(() => assert.fail(`accepted after ${bytes} bytes`), (e) => e);
    assert.ok(['UNAVAILABLE', 'INTERNAL'].includes(error.code), `${bytes}: ${error.message}`);
  }

  it('http-cut-answer: the answer to a pushed request breaks off after every byte', async () => {
    const signIn = world.newCase();
    const length = await lengthOf(signIn, 'par', () => signIn.begin('code'));
    for (let bytes = 0; bytes < length; ++bytes) {
      signIn.op.next('par', { response: broken(bytes) });
      await isRefused(() => signIn.begin('code'), bytes);
    }
    assert.equal(signIn.count('par'), length + 1);
    await signIn.begin('code');
  });

  it('http-cut-answer: introspection breaks off after every byte, and no token is released', async () => {
    const signIn = world.newCase();
    const length = await lengthOf(signIn, 'introspection', () => signIn.run('code'));
    const cuts = new Map(); // access token -> where each answer on it ends, for it is asked again
    signIn.op.always('introspection', {
      response: (answer, { form: { token } }) => {
        if (!cuts.has(token)) cuts.set(token, cuts.size);
        return broken(cuts.get(token))(answer);
      },
    });
    await inParallel(Array.from({ length }, (_, i) => i), (i) => isRefused(() => signIn.another().run('code'), i), 40);
    assert.equal(cuts.size, length);
    assert.equal((await signIn.grants()).length, 1);
  });
});

describe('a revocation whose answer breaks off', () => {
  let world;
  before(async () => { world = await HostileWorld.start({ size: 2, provider: PROVIDER }); });
  after(() => world?.stop());

  it('http-cut-answer: after every byte; the grant is over here, and the provider is told until it has confirmed', async () => {
    const signIn = world.newCase();
    await signIn.run('code');
    const length = await lengthOf(signIn, 'revocation', () => signIn.rpc.RevokeGrant({ grant_id: signIn.grantId }));
    const asked = new Map(); // refresh token -> how often its revocation was asked for
    let next = 0;
    signIn.op.always('revocation', {
      response: (answer, { form: { token, token_type_hint: hint } }) => {
        if (hint !== 'refresh_token') return answer;
        asked.set(token, (asked.get(token) ?? 0) + 1);
        if (asked.get(token) > 1) return answer;
        const bytes = next++;
        return { ...answer, cut: { bytes, reset: bytes % 2 === 0 } };
      },
    });
    await inParallel(Array.from({ length }, (_, i) => i), async () => {
      const one = signIn.another();
      await one.run('code');
      const { revoked_at_provider: revoked } = await one.rpc.RevokeGrant({ grant_id: one.grantId });
      assert.equal(revoked, false, 'what was cut off was taken for a confirmation');
      await fails(one.token(), RELOGIN);
    });
    assert.equal(next, length, 'each place was cut at');
    await eventually(() => [...asked.values()].every((times) => times > 1), 'every token is revoked in the end', 60000);
  });
});

describe('answers without end', () => {
  let world;
  before(async () => {
    world = await HostileWorld.start({ size: 60, provider: { request_timeout: '4s', connect_timeout: '1s' } });
    const signIn = world.newCase();
    for (let i = 0; i < 20; ++i) await signIn.run('code id_token'); // buffers grow to their usual size
  });
  after(() => world?.stop());

  const MEBIBYTE = 1 << 20;
  const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';
  const ENDLESS = {
    'a body of 50 MiB': { flood: { head: `${HEAD}content-length: ${50 * MEBIBYTE}\r\n\r\n{"x":"`, unit: 'x'.repeat(65536), count: 800 } },
    'a body of 50 MiB in chunks': { flood: { head: `${HEAD}transfer-encoding: chunked\r\n\r\n`, unit: `10000\r\n${'x'.repeat(65536)}\r\n`, count: 800 } },
    'a body of 50 MiB with no length': { flood: { head: `${HEAD}\r\n[`, unit: '['.repeat(65536), count: 800 } },
    'headers of 50 MiB': { flood: { head: HEAD, unit: `x: ${'y'.repeat(8000)}\r\n`.repeat(8), count: 800 } },
    'interim answers of 50 MiB': { flood: { head: '', unit: 'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n'.repeat(2000), count: 800 } },
  };

  for (const [kind, fault] of Object.entries(ENDLESS)) {
    it(`http-endless-answer: ${kind} at every endpoint, in bounded time and memory`, async () => {
      const began = Date.now();
      const peak = world.broker.peakMemory();
      for (const endpoint of ['discovery', 'jwks', 'token', 'userinfo', 'revocation']) {
        const signIn = world.newCase();
        signIn.op.always(endpoint, { response: () => fault });
        const go = async () => {
          await signIn.run('code id_token');
          if (endpoint === 'userinfo') await signIn.rpc.GetUserInfo({ grant_id: signIn.grantId });
          const { revoked_at_provider: revoked } = await signIn.rpc.RevokeGrant({ grant_id: signIn.grantId });
          assert.equal(revoked, endpoint !== 'revocation');
          if (endpoint === 'revocation') throw Object.assign(new Error(), { code: 'INTERNAL' });
        };
        const error = await go().then(() => assert.fail(`${endpoint}: accepted`), (e) => e);
        assert.ok(['INTERNAL', 'UNAVAILABLE', 'DEADLINE_EXCEEDED'].includes(error.code), `${endpoint}: ${error.message}`);
      }
      const grown = world.broker.peakMemory() - peak;
      assert.ok(grown < 24 * MEBIBYTE, `${Math.round(grown / MEBIBYTE)} MiB more`);
      assert.ok(Date.now() - began < 20000);
    });
  }

  it('http-endless-answer: fifty of them at once stay bounded too', async () => {
    const signIn = world.newCase();
    await signIn.run('code');
    const peak = world.broker.peakMemory();
    signIn.op.always('userinfo', { response: () => ENDLESS['a body of 50 MiB'] });
    await Promise.all(Array.from({ length: 50 }, () => signIn.rpc.GetUserInfo({ grant_id: signIn.grantId }).then(() => assert.fail('accepted'), () => {})));
    const grown = world.broker.peakMemory() - peak;
    // A megabyte each is what the configuration allows.
    assert.ok(grown < 120 * MEBIBYTE, `${Math.round(grown / MEBIBYTE)} MiB more`);
  });

  it('http-slow-headers: a byte at a time at every endpoint ends at the time-out', async () => {
    const text = `${HEAD}content-length: 2\r\n\r\n{}`;
    await Promise.all(['discovery', 'jwks', 'token', 'userinfo'].map(async (endpoint) => {
      const signIn = world.newCase();
      signIn.op.always(endpoint, { response: () => ({ drip: { text, ms: 500 } }) });
      const began = Date.now();
      const go = async () => {
        await signIn.run('code id_token');
        await signIn.rpc.GetUserInfo({ grant_id: signIn.grantId });
      };
      const error = await go().then(() => assert.fail('accepted'), (e) => e);
      assert.ok(['UNAVAILABLE', 'DEADLINE_EXCEEDED'].includes(error.code), error.message);
      assert.ok(Date.now() - began < 8000, endpoint);
    }));
  });

  it('http-gzip-bomb: a bomb that nobody asked for is not unpacked', async () => {
    const { gzipSync, brotliCompressSync } = await import('node:zlib');
    const plain = Buffer.alloc(64 * MEBIBYTE, 0x20);
    const peak = world.broker.peakMemory();
    const gigabyte = Buffer.concat(Array(16).fill(gzipSync(plain)));
    for (const [encoding, bomb] of [['gzip', gigabyte], ['br', brotliCompressSync(plain)], ['deflate', gzipSync(plain)]]) {
      const signIn = world.newCase();
      signIn.op.always('token', { response: (answer) => ({ ...answer, headers: { ...answer.headers, 'content-encoding': encoding }, body: bomb }) });
      const error = await signIn.run('code').then(() => assert.fail('accepted'), (e) => e);
      assert.equal(error.code, 'INTERNAL', error.message);
      assert.equal(signIn.op.requests('token')[0].headers['accept-encoding'], undefined);
    }
    assert.ok(world.broker.peakMemory() - peak < 24 * MEBIBYTE);
  });

  it('tok-oversize: an access token of 2 MiB', async () => {
    const signIn = world.newCase();
    signIn.op.next('token', { json: (body) => ({ ...body, access_token: 'x'.repeat(2 * MEBIBYTE) }) });
    const error = await signIn.run('code').then(() => assert.fail('accepted'), (e) => e);
    assert.equal(error.reason, 'PROVIDER_RESPONSE_INVALID');
    assert.deepEqual(await signIn.grants(), []);
  });

  it('tcp-silence: everything is served after all this', async () => {
    const signIn = world.newCase();
    await signIn.run('code id_token');
    signIn.op.always('token', { response: () => ({ hang: true }) });
    await fails(signIn.another().run('code'), { code: 'DEADLINE_EXCEEDED', reason: 'DEADLINE_EXCEEDED' });
    assert.ok((await signIn.token()).access_token);
  });
});
