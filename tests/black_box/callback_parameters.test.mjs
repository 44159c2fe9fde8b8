// The parameters of authorization responses: twice, broken, too many, too few.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CallbackWorld, add, drop, put } from './harness/callback_world.mjs';
import { ARG } from './harness/expect.mjs';

describe('parameters of authorization responses', () => {
  const world = new CallbackWorld();
  const { changed, refused } = world;
  before(() => world.start());
  after(() => world.stop());

  for (const name of ['state', 'code', 'id_token', 'iss', 'access_token', 'token_type']) {
    for (const kind of ['equal', 'different']) {
      it(`cb-duplicate-critical-param: ${name} twice, ${kind}`, async () => {
        const signIn = await changed('code id_token token', (list) => {
          const [, value] = list.find(([key]) => key === name);
          return [...list, [name, kind === 'equal' ? value : 'x']];
        });
        await refused(signIn, ARG('DUPLICATE_PARAMETER'));
      });
    }
  }

  it('cb-form-decoding: a code with every odd character is decoded once', async () => {
    const odd = 'a+b/c=d%25&e ü€😀';
    const signIn = world.hostile.newCase();
    signIn.op.next('authorize', {
      params: (list) => {
        const code = list.find(([name]) => name === 'code')[1];
        signIn.op.codes.set(odd, signIn.op.codes.get(code));
        return put('code', odd)(list);
      },
    });
    await signIn.run('code');
    assert.equal(signIn.op.requests('token')[0].form.code, odd);
  });

  for (const [kind, body] of Object.entries({
    'a bad escape': 'code=%zz',
    'half an escape': 'code=%4',
    'invalid UTF-8': 'code=%c3%28',
    'a NUL': 'code=a%00b',
  })) {
    it(`cb-form-decoding: a body with ${kind} is refused`, async () => {
      const signIn = world.hostile.newCase();
      const { state } = await signIn.begin('code');
      const callback = { form_body: `${body}&state=${state}&iss=${encodeURIComponent(signIn.op.issuer)}` };
      await refused(signIn, ARG('CALLBACK_MALFORMED'), callback);
    });
  }

  for (const [kind, body] of Object.entries({
    'a 10 MiB body': 'x='.padEnd(10 * 1024 * 1024, 'a'),
    '10,000 parameters': Array.from({ length: 10000 }, (_, i) => `p${i}=1`).join('&'),
    'only ampersands': '&'.repeat(100000),
    'a 300 KiB body': 'x='.padEnd(300 * 1024, 'a'),
    'a 64 KiB code': 'code='.padEnd(64 * 1024, 'a'),
  })) {
    it(`cb-oversize: ${kind} is refused and the broker stays up`, async () => {
      const signIn = world.hostile.newCase();
      await signIn.begin();
      const call = signIn.submit({ form_body: body });
      const error = await call.then(() => assert.fail('accepted'), (failure) => failure);
      assert.ok(['INVALID_ARGUMENT', 'RESOURCE_EXHAUSTED', 'NOT_FOUND'].includes(error.code), error.message);
      assert.ok((await signIn.submit(signIn.authorize())).grant.grant_id);
    });
  }

  const MISMATCH = 'RESPONSE_PARAMETERS_MISMATCH';
  for (const [id, type, params] of [
    ['cb-idtoken-stripped', 'code id_token', drop('id_token')],
    ['cb-code-stripped', 'code id_token', drop('code')],
    ['cb-unrequested-artifact/id_token', 'code', add('id_token', 'a.b.c')],
    ['cb-unrequested-artifact/access_token', 'code id_token', add('access_token', 'x')],
    ['cb-front-token-missing', 'code id_token token', drop('access_token')],
    ['cb-front-token-missing/token_type', 'code id_token token', drop('token_type')],
  ]) {
    it(id, async () => { await refused(await changed(type, params), ARG(MISMATCH)); });
  }

  it('cb-front-token-type: the case of it is free', async () => {
    const signIn = await changed('code id_token token', put('token_type', 'bEARER'));
    assert.ok((await signIn.submit(signIn.authorize())).grant.grant_id);
  });

  it('cb-front-token-type: another one is refused', async () => {
    const signIn = await changed('code id_token token', put('token_type', 'mac'));
    await refused(signIn, ARG('TOKEN_TYPE_UNSUPPORTED'));
  });

  for (const value of ['3600', 'abc', '-1', '99999999999999999999', '']) {
    it(`cb-front-expires-in: "${value}" is an unknown lifetime`, async () => {
      const signIn = await changed('code token', put('expires_in', value));
      assert.ok((await signIn.submit(signIn.authorize())).grant.grant_id);
    });
  }
});
