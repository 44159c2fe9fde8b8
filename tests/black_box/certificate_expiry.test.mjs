// tokenbroker_certificate_expiry_timestamp_seconds: each certificate that the broker shows to others.
import assert from 'node:assert/strict';
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import grpc from '@grpc/grpc-js';
import { Broker, baseConfig, redisStore } from './harness/broker.mjs';
import { Authority } from './harness/certificates.mjs';
import { freePort, scratchFolder } from './harness/child.mjs';
import { clientConfig, providerConfig } from './harness/hostile_world.mjs';
import { METRICS, scrape } from './harness/metrics.mjs';
import { secret } from './harness/secrets.mjs';

const NAME = 'tokenbroker_certificate_expiry_timestamp_seconds';

describe('the metric of when certificates expire', () => {
  const authority = new Authority();
  const folder = scratchFolder();
  const issued = (days) => authority.issue('IP:127.0.0.1', { days });
  const shown = ({ certFile, keyFile }) => ({ certificate_file: certFile, private_key_file: keyFile });
  // A certificate whose file others may replace.
  const replaceable = (name, certificate) => {
    const files = { certFile: join(folder, `${name}.pem`), keyFile: join(folder, `${name}.key`) };
    files.put = ({ certFile, keyFile }) => {
      copyFileSync(certFile, files.certFile);
      copyFileSync(keyFile, files.keyFile);
    };
    files.put(certificate);
    return files;
  };
  const ofRedis = replaceable('redis', issued(20));
  let broker;

  before(async () => {
    const client = (name, authentication) => ({ ...clientConfig('idp', '', { name, redirect_uris: ['https://app.example.org/callback'] }), authentication });
    const store = redisStore(0, {
      address: undefined,
      tls: { ca_file: authority.caFile, ...shown(ofRedis) },
      sentinel: { master_name: 'tests', addresses: [`127.0.0.1:${await freePort()}`], tls: { ca_file: authority.caFile, ...shown(issued(30)) } },
    });
    broker = await Broker.start(baseConfig({
      ...store,
      server: { tls: shown(issued(10)) },
      providers: [providerConfig('https://127.0.0.1:1/', 'idp')],
      clients: [
        client('by-authority', { tls_client_auth: { certificates: [shown(issued(40)), shown(issued(50))] } }),
        client('by-itself', { self_signed_tls_client_auth: { certificates: [shown(issued(60))] } }),
        client('by-secret', { client_secret_basic: { secrets: [{ inline: secret('client secret', 'expires-never-at-all') }] } }),
      ],
      telemetry: { log: { level: 'debug' }, ...METRICS },
    }), { credentials: grpc.credentials.createSsl(authority.ca) });
  });
  after(() => broker?.stop());

  // {use and name: days that are left, rounded up}
  async function left() {
    const { series } = await scrape(broker);
    return Object.fromEntries(series.filter(({ name }) => name === NAME)
      .map(({ labels, value }) => [`${labels.use} ${labels.name}`.trim(), Math.ceil((value - Date.now() / 1000) / 86400)]));
  }
  const ALL = { server: 10, redis: 20, sentinel: 30, 'client by-authority': 50, 'client by-itself': 60 };

  it('tells of each use, of several the one that lasts longest, and of nobody who shows none', async () => {
    assert.deepEqual(await left(), ALL);
  });

  it('tells of a file as it is now', async () => {
    ofRedis.put(issued(70));
    assert.deepEqual(await left(), { ...ALL, redis: 70 });
  });

  it('leaves a file out that cannot be read', async () => {
    rmSync(ofRedis.certFile);
    const { redis, ...rest } = ALL;
    assert.deepEqual(await left(), rest);
  });
});
