// The outage matrix of docs/operations.md, cell by cell: what each RPC answers while the store, the
// provider or both are away, at a broker that has served before and at one that has just started.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Broker, redisStore } from './harness/broker.mjs';
import { eventually } from './harness/child.mjs';
import { UP, fails } from './harness/expect.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { METRICS, scrape } from './harness/metrics.mjs';
import { Redis } from './harness/redis.mjs';
import { RedisProxy } from './harness/redis_proxy.mjs';

const STORE = 'STORE_UNAVAILABLE';
const PROVIDER = 'PROVIDER_UNAVAILABLE';
const STORE_AWAY = { code: 'UNAVAILABLE', reason: STORE, retry: true };
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const BACKCHANNEL = { sid: undefined, sub: 'user-1' };

// `call(rpc, signIn)`, and what it comes to: OK or the reason; first with the broker warm, then cold.
const ROWS = [
  {
    rpc: 'CreateAuthorizationUrl',
    call: (rpc, signIn) => rpc.CreateAuthorizationUrl({ client: signIn.client, redirect_uri: signIn.redirectUri }),
    store: [STORE, STORE], provider: ['OK', PROVIDER], both: [STORE, STORE],
  },
  {
    rpc: 'SubmitCallback',
    call: (rpc, signIn) => rpc.SubmitCallback(signIn.callback),
    store: [STORE, STORE], provider: [PROVIDER, PROVIDER], both: [STORE, STORE],
  },
  {
    rpc: 'GetAccessToken, a token that is good',
    call: (rpc, signIn) => rpc.GetAccessToken({ grant_id: signIn.grantId }),
    store: ['OK', STORE], provider: ['OK', 'OK'], both: ['OK', STORE],
  },
  {
    rpc: 'GetAccessToken, a token that has to be refreshed',
    call: (rpc, signIn) => rpc.GetAccessToken({ grant_id: signIn.grantId, rejected_access_token: signIn.held }),
    store: [STORE, STORE], provider: [PROVIDER, PROVIDER], both: [STORE, STORE],
  },
  {
    rpc: 'GetAccessToken, the newest grant of a subject',
    call: (rpc, signIn) => rpc.GetAccessToken({ subject_grant: { client: signIn.client, subject: 'user-1' } }),
    store: [STORE, STORE], provider: ['OK', 'OK'], both: [STORE, STORE],
  },
  {
    rpc: 'GetAccessToken, by client credentials',
    call: (rpc, signIn) => rpc.GetAccessToken({ client_credentials: { client: signIn.client } }),
    store: ['OK', 'OK'], provider: [PROVIDER, PROVIDER], both: [PROVIDER, PROVIDER],
  },
  {
    rpc: 'GetGrant',
    call: (rpc, signIn) => rpc.GetGrant({ grant_id: signIn.grantId }),
    store: [STORE, STORE], provider: ['OK', 'OK'], both: [STORE, STORE],
  },
  {
    rpc: 'ListGrants',
    call: (rpc, signIn) => rpc.ListGrants({ client: signIn.client }),
    store: [STORE, STORE], provider: ['OK', 'OK'], both: [STORE, STORE],
  },
  {
    rpc: 'RevokeGrant',
    call: (rpc, signIn) => rpc.RevokeGrant({ grant_id: signIn.grantId }),
    store: [STORE, STORE], provider: ['OK', 'OK'], both: [STORE, STORE],
  },
  {
    rpc: 'GetUserInfo',
    call: (rpc, signIn) => rpc.GetUserInfo({ grant_id: signIn.grantId }),
    store: [STORE, STORE], provider: [PROVIDER, PROVIDER], both: [STORE, STORE],
  },
  {
    rpc: 'ExchangeToken',
    call: (rpc, signIn) => rpc.ExchangeToken({ client: signIn.client, subject_token: signIn.held, subject_token_type: ACCESS_TOKEN }),
    store: ['OK', 'OK'], provider: [PROVIDER, PROVIDER], both: [PROVIDER, PROVIDER],
  },
  {
    rpc: 'CreateLogoutUrl',
    call: (rpc, signIn) => rpc.CreateLogoutUrl({ grant_id: signIn.grantId }),
    store: [STORE, STORE], provider: ['OK', PROVIDER], both: [STORE, STORE],
  },
  {
    rpc: 'SubmitLogoutToken',
    call: (rpc, signIn) => rpc.SubmitLogoutToken({ client: signIn.client, logout_token: signIn.op.logoutToken(BACKCHANNEL) }),
    store: [STORE, STORE], provider: ['OK', PROVIDER], both: [STORE, PROVIDER],
  },
];

describe('the outage matrix', () => {
  let redis;
  let proxy;
  let world;
  before(async () => {
    redis = await Redis.start();
    proxy = await RedisProxy.start(redis.port);
    world = await HostileWorld.start({
      size: 3 * 2 * ROWS.length + 5,
      provider: { request_timeout: '2s', connect_timeout: '1s' },
      client: { refresh: { floor: '0s' }, client_credentials: true, token_exchange: true },
      config: {
        ...redisStore(proxy.port, { connect_timeout: '500ms', command_timeout: '500ms' }),
        telemetry: { log: { level: 'debug' }, ...METRICS },
      },
    });
  });
  after(async () => {
    await world?.stop();
    proxy?.stop();
    await redis?.stop();
  });

  const storeLeaves = () => proxy.leave();
  const storeIsBack = () => proxy.comeBack();
  const providerLeaves = () => {
    world.server.server.close();
    world.server.server.closeAllConnections();
  };
  const providerIsBack = () => new Promise((resolve) => { world.server.server.listen(world.server.port, '127.0.0.1', resolve); });
  const OUTAGES = {
    store: { leave: storeLeaves, comeBack: storeIsBack },
    provider: { leave: providerLeaves, comeBack: providerIsBack },
    both: {
      leave: () => { storeLeaves(); providerLeaves(); },
      comeBack: async () => { await storeIsBack(); await providerIsBack(); },
    },
  };

  // A sign-in that is done, with its token in the cache, and another one that waits for its callback.
  async function prepare(signIn = world.newCase()) {
    await signIn.run('code');
    signIn.held = (await signIn.token()).access_token;
    const pending = signIn.another();
    await pending.begin('code');
    signIn.callback = { ...pending.authorize(), browser_binding: pending.begun.browser_binding };
    // The provider's keys and metadata have been used.
    await world.broker.rpc.SubmitLogoutToken({ client: signIn.client, logout_token: signIn.op.logoutToken({ sid: undefined, sub: 'nobody' }) });
    return signIn;
  }

  const served = (broker) => broker.rpc.ListGrants({}).then(() => true);

  for (const [away, { leave, comeBack }] of Object.entries(OUTAGES)) {
    for (const [column, when] of ['warm', 'cold'].entries()) {
      describe(`${away === 'both' ? 'store and provider are' : `the ${away} is`} away, the broker is ${when}`, () => {
        const signIns = new Map();
        let broker;
        before(async () => {
          for (const row of ROWS) signIns.set(row, await prepare());
          leave();
          broker = when === 'warm' ? world.broker : await Broker.start(world.config);
        });
        after(async () => {
          await comeBack();
          for (const each of [broker, world.broker]) await eventually(() => served(each), 'it serves again', 20000);
          if (broker !== world.broker) await broker.stop();
        });

        for (const row of ROWS) {
          const expected = row[away][column];
          it(`${row.rpc}: ${expected}`, async () => {
            const signIn = signIns.get(row);
            const sent = signIn.count('token');
            const outcome = await row.call(broker.rpc, signIn).then(() => 'OK', (error) => error);
            assert.equal(outcome.reason ?? outcome, expected, String(outcome.message ?? ''));
            if (expected !== 'OK') assert.ok(outcome.retryInfo, 'RetryInfo says when to come back');
            // No refresh token and no code leaves that has nowhere to come back to.
            if (away === 'store' && expected === STORE) assert.equal(signIn.count('token'), sent);
          });
        }
      });
    }
  }

  it('what was refused while the store was away works when it is back', async () => {
    const signIn = await prepare();
    storeLeaves();
    await assert.rejects(world.broker.rpc.SubmitCallback(signIn.callback));
    await storeIsBack();
    await eventually(() => world.broker.rpc.SubmitCallback(signIn.callback), 'the callback is taken', 20000);
  });

  it('R16: what the store had is there when it is back, since an error is no absence', async () => {
    const signIn = world.newCase();
    await eventually(() => prepare(signIn), 'the store is back', 30000);
    storeLeaves();
    const cold = await Broker.start(world.config);
    for (const broker of [world.broker, cold]) {
      await fails(broker.rpc.GetGrant({ grant_id: signIn.grantId }), STORE_AWAY);
    }
    await storeIsBack();
    for (const broker of [world.broker, cold]) {
      const { grant } = await eventually(() => broker.rpc.GetGrant({ grant_id: signIn.grantId }), 'the grant is there', 20000);
      assert.equal(grant.state, 'GRANT_STATE_ACTIVE');
      assert.equal((await broker.rpc.GetAccessToken({ grant_id: signIn.grantId })).access_token, signIn.held);
    }
    await cold.stop();
  });

  it('R17: every failure of the store is counted by operation, and told to the caller', async () => {
    const signIn = world.newCase();
    await eventually(() => prepare(signIn), 'the store is back', 30000);
    const operations = {
      find_grant: () => world.broker.rpc.GetGrant({ grant_id: signIn.grantId }),
      list_grants: () => world.broker.rpc.ListGrants({ client: signIn.client }),
      count_authorizations: () => world.broker.rpc.CreateAuthorizationUrl({ client: signIn.client, redirect_uri: signIn.redirectUri }),
      find_authorization: () => world.broker.rpc.SubmitCallback(signIn.callback),
    };
    const failures = async () => {
      const { value } = await scrape(world.broker);
      return Object.fromEntries(Object.keys(operations).map((operation) => [operation, value('tokenbroker_store_requests_total', { operation, outcome: STORE }) ?? 0]));
    };
    const before = await failures();
    storeLeaves();
    try {
      for (const call of Object.values(operations)) await fails(call(), STORE_AWAY);
    } finally {
      await storeIsBack();
    }
    const after_ = await failures();
    for (const operation of Object.keys(operations)) assert.ok(after_[operation] > before[operation], operation);
  });

  it('R18: it starts without its provider, is ready, and finds it when it comes', async () => {
    const other = world.newCase();
    await eventually(() => prepare(other), 'the store is back', 30000);
    providerLeaves();
    const cold = await Broker.start(world.config);
    try {
      await eventually(async () => (await scrape(cold)).value('tokenbroker_ready') === 1, 'it is ready');
      const begin = () => cold.rpc.CreateAuthorizationUrl({ client: other.client, redirect_uri: other.redirectUri });
      for (let i = 0; i < 5; ++i) await fails(begin(), UP);
      // What needs no provider is served meanwhile.
      assert.equal((await cold.rpc.GetAccessToken({ grant_id: other.grantId })).access_token, other.held);
      await providerIsBack();
      await eventually(begin, 'the provider is found', 30000);
    } finally {
      if (!world.server.server.listening) await providerIsBack();
      await cold.stop();
    }
  });

  it('a grant that was revoked while its provider was away is revoked there later', async () => {
    const signIn = world.newCase();
    await eventually(() => prepare(signIn), 'the store is back', 30000);
    providerLeaves();
    await world.broker.rpc.RevokeGrant({ grant_id: signIn.grantId });
    assert.equal(signIn.count('revocation'), 0);
    await providerIsBack();
    await eventually(() => signIn.count('revocation') >= 2, 'the provider hears of it', 30000);
    assert.ok([...signIn.op.families.values()].some((family) => family.dead));
  });
});
