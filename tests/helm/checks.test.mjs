// The checks that the chart is tested with find the faults that they are there for.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { documentsOf, GOLDEN, kubernetesFieldsText } from './chart.mjs';
import { KubernetesFields } from './kubernetes_fields.mjs';
import { referenceFaults } from './references.mjs';
import { requiredFieldFaults } from './required_fields.mjs';
import { restrictedFaults } from './restricted.mjs';

const documents = () => documentsOf(readFileSync(join(GOLDEN, 'evaluation.yaml'), 'utf8'));
const of = (all, kind) => all.find((document) => document.kind === kind && !document.metadata.name.endsWith('-redis'));
const podSpec = (all) => of(all, 'Deployment').spec.template.spec;
const container = (all) => podSpec(all).containers[0];

const text = kubernetesFieldsText();
describe('the check of field names', { skip: text ? false : 'golang-k8s-client-go-dev could not be had' }, () => {
  const fields = text && new KubernetesFields(text);
  for (const [what, spoil, says] of [
    ['an unknown field', (all) => { container(all).imagePullPolcy = 'Always'; }, /imagePullPolcy: there is no such field/],
    ['text for a number', (all) => { of(all, 'Deployment').spec.replicas = '2'; }, /replicas: "2" is not numeric/],
    ['a number for text', (all) => { container(all).args = [1]; }, /args\[0\]: 1 is not string/],
    ['a mapping for a list', (all) => { podSpec(all).volumes = {}; }, /volumes: not a list/],
    ['text for a mapping', (all) => { podSpec(all).securityContext = 'restricted'; }, /securityContext: not a mapping/],
    ['a key given twice', (all) => { podSpec(all).containers.push(container(all)); }, /containers\[1\]: name .* is there already/],
  ]) {
    test(`finds ${what}`, () => {
      const all = documents();
      spoil(all);
      assert.match(fields.faults(of(all, 'Deployment')).join('\n'), says);
    });
  }
});

describe('the check of required fields', () => {
  for (const [what, kind, spoil, says] of [
    ['a missing field', 'Deployment', (document) => { delete document.spec.selector; }, /selector/],
    ['a wrong type', 'Service', (document) => { document.spec.ports[0].port = 'grpc'; }, /port/],
    ['a custom resource that it does not know', 'Service', (document) => { document.apiVersion = 'example.com/v1'; }, /has no example/],
  ]) {
    test(`finds ${what}`, async () => {
      const document = of(documents(), kind);
      spoil(document);
      assert.match((await requiredFieldFaults(document)).join('\n'), says);
    });
  }
});

describe('the check of the Pod Security Standard', () => {
  for (const [what, spoil, says] of [
    ['root', (all) => { podSpec(all).securityContext.runAsUser = 0; }, /runs as root/],
    ['an image that may run as root', (all) => { delete podSpec(all).securityContext.runAsNonRoot; }, /may run as root/],
    ['a missing seccomp profile', (all) => { delete podSpec(all).securityContext.seccompProfile; }, /seccomp/],
    ['a capability', (all) => { container(all).securityContext.capabilities.add = ['NET_ADMIN']; }, /are added/],
    ['kept capabilities', (all) => { delete container(all).securityContext.capabilities; }, /not dropped/],
    ['privileges that may be gained', (all) => { delete container(all).securityContext.allowPrivilegeEscalation; }, /may be gained/],
    ['a privileged container', (all) => { container(all).securityContext.privileged = true; }, /privileged/],
    ['the network of the host', (all) => { podSpec(all).hostNetwork = true; }, /hostNetwork/],
    ['a port of the host', (all) => { container(all).ports[0].hostPort = 7070; }, /port of the host/],
    ['a folder of the host', (all) => { podSpec(all).volumes.push({ name: 'x', hostPath: { path: '/' } }); }, /is a hostPath/],
    ['a writable root', (all) => { delete container(all).securityContext.readOnlyRootFilesystem; }, /written to/],
    ['a token of the API', (all) => { delete podSpec(all).automountServiceAccountToken; }, /token of the API/],
    ['an init container of that kind', (all) => { podSpec(all).initContainers = [{ name: 'x' }]; }, /container x: capabilities/],
  ]) {
    test(`finds ${what}`, () => {
      const all = documents();
      spoil(all);
      assert.match(all.flatMap(restrictedFaults).join('\n'), says);
    });
  }
});

describe('the check of references', () => {
  for (const [what, spoil, says] of [
    ['a selector that selects nothing', (all) => { of(all, 'Service').spec.selector['app.kubernetes.io/name'] = 'x'; }, /selects 0/],
    ['a selector that selects too much', (all) => { delete of(all, 'Service').spec.selector['app.kubernetes.io/component']; }, /selects 3/],
    ['a port without a container', (all) => { of(all, 'Service').spec.ports[0].targetPort = 'http'; }, /port http is of no container/],
    ['a probe of another port', (all) => { container(all).ports = []; }, /Probe asks port/],
    ['a mount without a volume', (all) => { podSpec(all).volumes.shift(); }, /which is no volume/],
    ['a volume without a mount', (all) => { podSpec(all).volumes.push({ name: 'x', emptyDir: {} }); }, /x is mounted nowhere/],
    ['a missing ConfigMap', (all) => { all.splice(all.indexOf(of(all, 'ConfigMap')), 1); }, /ConfigMap .* is not there/],
    ['a missing service account', (all) => { all.splice(all.indexOf(of(all, 'ServiceAccount')), 1); }, /service account/],
    ['no time after preStop', (all) => { podSpec(all).terminationGracePeriodSeconds = 5; }, /whole grace period/],
    ['an object that is there twice', (all) => { all.push(structuredClone(of(all, 'Service'))); }, /is there twice/],
    ['a name that is too long', (all) => { of(all, 'Service').metadata.name = 'x'.repeat(64); }, /is no name/],
  ]) {
    test(`finds ${what}`, () => {
      const all = documents();
      spoil(all);
      assert.match(referenceFaults(all).join('\n'), says);
    });
  }
});
