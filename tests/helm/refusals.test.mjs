// Values that the chart refuses, by its schema or by what it knows of the broker, and what it says then.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HELMS, template, valuesFile } from './chart.mjs';

const good = () => ({
  config: { store: { redis: { address: 'redis:6379' } }, encryption: { keys: [] } },
  tls: { existingSecret: 'broker-tls' },
});
const server = (parts) => ({ config: { ...good().config, server: parts } });

const REFUSED = [
  ['a misspelt value', { replicas: 3 }, /replicas/],
  ['a misspelt value in a section', { tls: { existingSecretName: 'broker-tls' } }, /existingSecretName/],
  ['a misspelt value in a list', { secrets: { existing: [{ nmae: 'x' }] } }, /nmae/],
  ['a secret by value', { secrets: { environment: [{ name: 'A', value: 'hunter2' }] } }, /value/],
  ['text for a number', { replicaCount: 'two' }, /replicaCount/],
  ['text for true', { redis: { enabled: 'yes' } }, /enabled/],
  ['a digest that is none', { image: { digest: 'sha256:abc' } }, /digest/],
  ['a pull policy that is none', { image: { pullPolicy: 'Sometimes' } }, /pullPolicy/],
  ['a way to spread that is none', { topologySpread: { zones: 'Maybe' } }, /zones/],
  ['an empty list of callers, which would let everybody in', { networkPolicy: { callers: [] } }, /callers/],
  ['root', { user: { uid: 0 } }, /uid/],
  ['a configuration that is no mapping', { config: 'server: {}' }, /config/],
  ['no certificate to serve with', { tls: { existingSecret: '' } }, /there is no certificate to serve with/],
  ['two certificates', { tls: { existingSecret: 'a', certificate: { enabled: true, issuerRef: { name: 'b' } } } }, /contradict each other/],
  ['a Certificate without an issuer', { tls: { existingSecret: '', certificate: { enabled: true } } }, /issuerRef\.name is missing/],
  ['two authorities for callers', { tls: { existingSecret: 'a', clientCa: { configMapName: 'b', secretName: 'c' } } }, /choose one/],
  ['loopback', server({ listen: '127.0.0.1:7070' }), /the other pods cannot reach/],
  ['a Unix socket', server({ listen: 'unix:/run/broker.sock' }), /the other pods cannot reach/],
  ['port 0', server({ listen: '0.0.0.0:0' }), /the other pods cannot reach/],
  ['no port of health alone', server({ health: null }), /where the probes of Kubernetes cannot ask/],
  ['health on loopback', server({ health: { listen: '127.0.0.1:7071' } }), /where the probes of Kubernetes cannot ask/],
  ['health without IPv6 where the rest has it', server({ listen: '[::]:7070' }), /where pods have IPv6 addresses/],
  ['plaintext', server({ tls: null }), /config\.server\.tls is missing/],
  ['the switches of a developer', { config: { ...good().config, dev: { allow_inline_secrets: true } } }, /config\.dev is for a developer/],
  ['replicas that share nothing', { config: { store: { memory: {} } } }, /several replicas need config\.store\.redis/],
  ['autoscaling of what shares nothing', { replicaCount: 1, autoscaling: { enabled: true }, config: { store: { memory: {} } } }, /several replicas need/],
  ['metrics on loopback', { config: { ...good().config, telemetry: { metrics: { listen: '127.0.0.1:9464' } } } }, /which Prometheus cannot reach/],
  ['a ServiceMonitor of no metrics', { metrics: { serviceMonitor: { enabled: true } } }, /has nothing to scrape/],
  ['an empty list of scrapers', { metrics: { scrapers: [] } }, /scrapers/],
  ['autoscaling by nothing', { autoscaling: { enabled: true, targetCPUUtilizationPercentage: 0 } }, /autoscaling needs/],
  ['a claim for a spool that is not configured', { spool: { existingClaim: 'spool' } }, /would hold nothing/],
  ['a claim for a spool that is not shared', { spool: { existingClaim: 'spool' },
    config: { ...good().config, refresh: { spool: { directory: '/spool' } } } }, /set config\.refresh\.spool\.shared/],
  ['autoscaling by a metric that is not served', { autoscaling: { enabled: true, targetRpcsInFlight: 100 } }, /a metric that is served nowhere/],
  ['an evaluation Redis that is not used', { redis: { enabled: true } }, /set config\.store\.redis\.address to token-broker-redis:6379/],
  ['an ExternalSecret of no store', { secrets: { externalSecret: { enabled: true, data: [{ secretKey: 'a' }] } } }, /secretStoreRef\.name/],
];

for (const which of HELMS) {
  describe(`the chart under ${which.name}`, () => {
    test('takes the values that the refused ones differ from', () => {
      const { status, output } = template(which, valuesFile(good()));
      assert.equal(status, 0, output);
    });
    for (const [what, values, says] of REFUSED) {
      test(`refuses ${what}`, () => {
        const { status, output } = template(which, valuesFile({ ...good(), ...values }));
        assert.notEqual(status, 0, output);
        assert.match(output, says);
      });
    }
  });
}
