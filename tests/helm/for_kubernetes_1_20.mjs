// The chart's objects in the words of Kubernetes 1.20, for the API server that Debian 12's source package builds.
//
//   helm template … | node tests/helm/for_kubernetes_1_20.mjs
//
// What it has no word for is left out or stands in for something of the same place, so that all around it is still tried.
import { readFileSync } from 'node:fs';
import { parseAllDocuments, stringify } from 'yaml';

const VERSIONS = {
  'policy/v1 PodDisruptionBudget': 'policy/v1beta1',
  'autoscaling/v2 HorizontalPodAutoscaler': 'autoscaling/v2beta2',
};

function podInOlderWords(spec) {
  for (const container of spec.containers) {
    for (const kind of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
      const probe = container[kind];
      if (!probe?.grpc) continue;
      probe.tcpSocket = { port: probe.grpc.port }; // gRPC probes: since 1.24
      delete probe.grpc;
    }
    const preStop = container.lifecycle?.preStop;
    if (preStop?.sleep) container.lifecycle.preStop = { exec: { command: ['sleep', String(preStop.sleep.seconds)] } }; // 1.30
  }
  for (const spread of spec.topologySpreadConstraints ?? []) delete spread.matchLabelKeys; // 1.27
}

// Objects of operators (cert-manager and the like): Kubernetes 1.20 built with Go 1.19 dies of them, in a library that knows
// older maps of Go.
const isOfAnOperator = ({ apiVersion }) => /\./.test(apiVersion) && !/\.k8s\.io\//.test(apiVersion);

// Returns the documents without those that it cannot take, the others changed in place.
export const allInOlderWords = (documents) => documents.filter((document) => !isOfAnOperator(document)).map(inOlderWords);

function inOlderWords(document) {
  document.apiVersion = VERSIONS[`${document.apiVersion} ${document.kind}`] ?? document.apiVersion;
  if (document.kind === 'PodDisruptionBudget') delete document.spec.unhealthyPodEvictionPolicy; // 1.27
  const pod = document.kind === 'Pod' ? document : document.spec?.template;
  if (pod?.spec?.containers) podInOlderWords(pod.spec);
  return document;
}

if (import.meta.url === `file://${process.argv[1]}`) {
  const documents = parseAllDocuments(readFileSync(0, 'utf8')).map((document) => document.toJS()).filter((document) => document);
  process.stdout.write(allInOlderWords(documents).map((document) => stringify(document, { version: '1.1' })).join('---\n'));
}
