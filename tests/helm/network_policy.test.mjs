// What NetworkPolicy lets into the broker's pods and out of them, by Helm 3 and 4.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { documentsOf, HELMS, template, valuesFile } from './chart.mjs';

const values = (config, more = {}) => ({
  config: { store: { redis: { address: 'redis:6379' } }, ...config },
  tls: { existingSecret: 'broker-tls' },
  networkPolicy: { egress: { enabled: true, ...more.egress } },
  ...more.values,
});
const redis = (parts) => ({ store: { redis: parts } });
const provider = (parts) => ({ providers: [{ name: 'a', issuer: 'https://login.example.com/', ...parts }] });
const traces = (otlp_endpoint) => ({ telemetry: { traces: { otlp_endpoint } } });
const to = (...ports) => ({ rules: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8' } }], ports }] });

// Config, and the ports beside DNS that are open to every address.
const OPEN = [
  ['one Redis', {}, [6379]],
  ['Redis at a port of its own', redis({ address: '[fd00::1]:7777' }), [7777]],
  ['a Redis of its own pod', redis({ address: 'unix:/run/redis:1.sock' }), []],
  ['Sentinels, and what they name', redis({ sentinel: { primary: 'broker', addresses: ['a:26379', 'b:26380'] } }), [26379, 26380, 6379]],
  ['a Cluster', redis({ cluster: { addresses: ['a:7000', 'b:7001', 'c:7000'] } }), [7000, 7001]],
  ['a provider', provider(), [443, 6379]],
  ['a provider at a port of its own', provider({ issuer: 'https://login.example.com:8443/realms/x:1' }), [6379, 8443]],
  ['endpoints elsewhere', provider({ discovery: false, endpoints: {
    authorization_endpoint: 'https://login.example.com/a', token_endpoint: 'https://login.example.com:9443/t',
    jwks_uri: 'https://login.example.com/k', mtls_endpoint_aliases: { token_endpoint: 'https://mtls.example.com:10443/t' } } }),
  [10443, 443, 6379, 9443]],
  ['the keys of callers', { jwt_issuers: [{ issuer: 'https://x/', audience: 'a', jwks_uri: 'https://kubernetes.default.svc:6443/k' }] }, [6379, 6443]],
  ['a collector of traces', traces('http://collector.observability.svc:4318'), [4318, 6379]],
  ['a collector at the usual port', traces('http://collector/v1'), [6379, 80]],
  ['sections that are there and empty', { ...redis({ address: 'redis:6379', sentinel: null }), telemetry: { traces: null }, providers: null }, [6379]],
];

const REFUSED = [
  ['no way to Redis', values({}, { egress: to({ port: 443 }) }), /nothing out to port 6379/],
  ['no way to the provider', values(provider(), { egress: to({ port: 6379 }) }), /nothing out to port 443/],
  ['no way to the collector', values(traces('http://collector:4318'), { egress: to({ port: 6379 }) }), /nothing out to port 4318/],
  ['a range that ends before it', values({}, { egress: to({ port: 6000, endPort: 6378 }) }), /nothing out to port 6379/],
];
const TAKEN = [
  ['a range', to({ port: 6000, endPort: 7000 })],
  ['a name', to({ port: 'redis' })],
  ['every port', { rules: [{ to: [{ podSelector: {} }] }] }],
];

for (const which of HELMS) {
  describe(`the NetworkPolicy by ${which.name}`, () => {
    const policy = (given) => {
      const { status, output, stdout } = template(which, valuesFile(given));
      assert.equal(status, 0, output);
      return documentsOf(stdout).find(({ kind, metadata }) => kind === 'NetworkPolicy' && !metadata.name.endsWith('-redis')).spec;
    };

    for (const [what, config, ports] of OPEN) {
      test(`lets DNS and ${what} out`, () => {
        const [dns, ...rest] = policy(values(config)).egress;
        assert.deepEqual(dns.ports.map(({ port, protocol }) => `${protocol} ${port}`), ['UDP 53', 'TCP 53']);
        assert.deepEqual(rest, ports.length === 0 ? [] : [{ ports: ports.map((port) => ({ port })) }]);
      });
    }

    test('lets the evaluation Redis out to its pod alone', () => {
      const [, toRedis, ...rest] = policy(values(redis({ address: 'token-broker-redis:6379' }), { values: { redis: { enabled: true } } })).egress;
      assert.equal(toRedis.to[0].podSelector.matchLabels['app.kubernetes.io/component'], 'redis');
      assert.deepEqual(rest, []);
    });

    test('lets everything out unless it is told not to', () => {
      const { policyTypes, egress } = policy(values({}, { egress: { enabled: false } }));
      assert.deepEqual([policyTypes, egress], [['Ingress'], undefined]);
    });

    for (const [what, given, says] of REFUSED) {
      test(`is refused with ${what}`, () => {
        const { status, output } = template(which, valuesFile(given));
        assert.notEqual(status, 0, output);
        assert.match(output, says);
      });
    }
    for (const [what, egress] of TAKEN) {
      test(`is taken with rules for ${what}`, () => {
        const [, ...rest] = policy(values({}, { egress })).egress;
        assert.deepEqual(rest, egress.rules);
      });
    }

    test('lets callers to the gRPC port, scrapers to the metrics, and nobody to the health', () => {
      const { ingress } = policy(values({ telemetry: { metrics: { listen: '0.0.0.0:9464' } } }, {
        values: { networkPolicy: { callers: [{ podSelector: { matchLabels: { app: 'web' } } }] }, tests: { enabled: false } },
      }));
      assert.deepEqual(ingress, [
        { from: [{ podSelector: { matchLabels: { app: 'web' } } }], ports: [{ port: 'grpc' }] },
        { from: [{ namespaceSelector: {} }], ports: [{ port: 'metrics' }] },
      ]);
      assert.deepEqual(policy(values({})).ingress.flatMap(({ ports }) => ports.map(({ port }) => port)), ['grpc'], 'without metrics');
    });
  });
}
