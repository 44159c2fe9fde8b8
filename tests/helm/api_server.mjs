// The chart on a real Kubernetes API server: what it admits, what it keeps of it, and what Helm does with it there.
//
//   node tests/helm/api_server.mjs KUBE_APISERVER    by way of api_server.sh, which gets one
import assert from 'node:assert/strict';
import { chmodSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { stringify } from 'yaml';
import { CASES, CHART, documentsOf, helm, HELMS, ROOT } from './chart.mjs';
import { allInOlderWords } from './for_kubernetes_1_20.mjs';
import { KubernetesServer } from './kubernetes_server.mjs';
import { podOf } from './restricted.mjs';

const [, , BINARY] = process.argv;
const NEEDED = 130; // Chart.yaml's kubeVersion

// YAML 1.1, which is what Kubernetes reads: it takes more words for true and false than 1.2.
const manifest = (documents) => documents.map((document) => stringify(document, { version: '1.1' })).join('---\n');

// Kinds of operators that are not there: the server keeps what it is given of them.
const OTHERS = [
  ['cert-manager.io', 'v1', 'Certificate', 'certificates'],
  ['external-secrets.io', 'v1', 'ExternalSecret', 'externalsecrets'],
  ['monitoring.coreos.com', 'v1', 'ServiceMonitor', 'servicemonitors'],
  ['monitoring.coreos.com', 'v1', 'PrometheusRule', 'prometheusrules'],
].map(([group, name, kind, plural]) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${plural}.${group}` },
  spec: {
    group,
    scope: 'Namespaced',
    names: { kind, plural },
    versions: [{ name, served: true, storage: true,
      schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } }],
  },
}));

// What of `given` is not in `kept`, as paths.
function lost(given, kept, path = '') {
  if (given === null || (typeof given === 'object' && Object.keys(given).length === 0)) return [];
  if (typeof given !== 'object') return String(given) === String(kept) ? [] : [`${path}: ${given} became ${kept}`];
  if (typeof kept !== 'object' || kept === null) return [`${path} is gone`];
  return Object.entries(given).flatMap(([key, value]) => lost(value, kept[key], `${path}.${key}`));
}

describe('the chart on a Kubernetes API server', () => {
  let server;
  let isOld;
  let words; // turns documents into what the server knows
  before(async () => {
    server = await KubernetesServer.start(BINARY);
    isOld = server.minor < NEEDED;
    words = isOld ? allInOlderWords : (documents) => documents;
    console.log(`# ${server.version}${isOld ? ', in older words' : ''}`);
    if (!isOld) {
      must(['apply', '-f', '-'], manifest(OTHERS));
      must(['wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all']);
    }
    const priority = { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: 'tests' }, value: 1 };
    must(['apply', '-f', '-'], manifest([priority]));
  });
  after(() => server?.stop());

  function must(args, input) {
    const { status, stdout, output } = server.kubectl(args, input);
    assert.equal(status, 0, output);
    return stdout;
  }

  function namespace(name) {
    must(['create', 'namespace', name]);
    must(['label', 'namespace', name, 'pod-security.kubernetes.io/enforce=restricted', 'pod-security.kubernetes.io/warn=restricted']);
  }

  for (const { name, file } of CASES) {
    test(`keeps all of the example ${name}`, () => {
      namespace(name);
      const { status, stdout, output } = helm(HELMS[0], 'template', 'token-broker', CHART, '--namespace', name, '--values', file);
      assert.equal(status, 0, output);
      const documents = words(documentsOf(stdout));
      const applied = server.kubectl(['apply', '-f', '-'], manifest(documents));
      assert.equal(applied.status, 0, applied.output);
      assert.doesNotMatch(applied.output, /would violate|unknown field/);
      for (const document of documents) {
        const { apiVersion, kind, metadata } = document;
        const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
        const kept = JSON.parse(must(['-n', name, 'get', `${kind}.${version}.${group}`, metadata.name, '-o', 'json']));
        assert.deepEqual(lost(document, kept), [], `${kind} ${metadata.name}`);
      }
      const generations = () => must(['-n', name, 'get', 'deployments,networkpolicies,poddisruptionbudgets', '-o',
        'jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.generation}{"\\n"}{end}']);
      const before = generations();
      must(['apply', '-f', '-'], manifest(documents));
      assert.equal(generations(), before, 'applied again it changes something');
    });

    test(`admits the pods of the example ${name} where only "restricted" ones may run`, () => {
      const { stdout } = helm(HELMS[0], 'template', 'token-broker', CHART, '--namespace', name, '--values', file);
      for (const document of words(documentsOf(stdout))) {
        const pod = podOf(document);
        if (!pod) continue;
        const { serviceAccountName: _, ...spec } = pod.spec;
        const made = { apiVersion: 'v1', kind: 'Pod', metadata: { ...pod.metadata, name: 'x', namespace: name }, spec };
        must(['create', '--dry-run=server', '-f', '-'], manifest([made]));
      }
    });
  }

  test('refuses what is not "restricted", so that the tests above say something', (context) => {
    if (server.minor < 125) return context.skip(`${server.version} has no Pod Security admission`);
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x', namespace: CASES[0].name },
      spec: { containers: [{ name: 'x', image: 'x' }] } };
    assert.match(server.kubectl(['create', '--dry-run=server', '-f', '-'], manifest([pod])).output, /violates PodSecurity/);
    return undefined;
  });

  test('refuses a field that it does not know, so that the tests above say something', () => {
    const { stdout } = helm(HELMS[0], 'template', 'token-broker', CHART, '--values', CASES[0].file);
    const [deployment] = words(documentsOf(stdout)).filter(({ kind }) => kind === 'Deployment');
    deployment.metadata.namespace = CASES[0].name;
    deployment.spec.template.spec.containers[0].readynessProbe = {};
    assert.match(server.kubectl(['apply', '--dry-run=server', '-f', '-'], manifest([deployment])).output, /readynessProbe/);
  });

  for (const which of HELMS) {
    test(`is installed, upgraded, rolled back and uninstalled by ${which.name}`, (context) => {
      if (isOld && which.name === 'helm4') return context.skip('Helm 4 takes a post-renderer only as a plugin');
      const space = `by-${which.name}`;
      namespace(space);
      const options = ['-n', space];
      let chart = CHART;
      if (isOld) {
        chart = join(server.folder, `chart-${which.name}`);
        cpSync(CHART, chart, { recursive: true });
        const file = join(chart, 'Chart.yaml');
        writeFileSync(file, readFileSync(file, 'utf8').replace(/^kubeVersion:.*$/m, ''));
        const renderer = join(server.folder, 'older-words.sh');
        writeFileSync(renderer, `#!/bin/sh\nexec ${process.execPath} ${join(ROOT, 'tests/helm/for_kubernetes_1_20.mjs')}\n`);
        chmodSync(renderer, 0o755);
        options.push('--post-renderer', renderer);
      }
      const run = (...args) => {
        const { status, output } = server.run(which.binary, args);
        assert.equal(status, 0, output);
      };
      const deployment = () => JSON.parse(must(['-n', space, 'get', 'deployment', 'token-broker', '-o', 'json']));
      const values = ['-f', CASES.find(({ name }) => name === 'evaluation').file];
      run('install', 'token-broker', chart, ...options, ...values);
      assert.equal(deployment().spec.replicas, 2);
      const { checksum } = annotations(deployment());
      run('upgrade', 'token-broker', chart, ...options, ...values, '--set', 'replicaCount=3,config.server.drain_grace=50s');
      assert.equal(deployment().spec.replicas, 3);
      assert.equal(deployment().spec.template.spec.terminationGracePeriodSeconds, 65);
      assert.notEqual(annotations(deployment()).checksum, checksum, 'a changed configuration rolls the pods');
      run('rollback', 'token-broker', '1', '-n', space);
      assert.equal(deployment().spec.replicas, 2);
      assert.equal(annotations(deployment()).checksum, checksum);
      run('uninstall', 'token-broker', '-n', space);
      assert.equal(must(['-n', space, 'get', 'deployments,services,configmaps,networkpolicies,poddisruptionbudgets', '-o', 'name'])
        .split('\n').filter((line) => line && !line.endsWith('kube-root-ca.crt')).join(), '');
      return undefined;
    });
  }
});

const annotations = ({ spec }) => ({ checksum: spec.template.metadata.annotations['checksum/config'] });
