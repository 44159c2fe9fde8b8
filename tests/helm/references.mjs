// Whether what one release installs fits together: names that point to each other, labels that select, times that add up.
import { podOf } from './restricted.mjs';

const LABEL = /^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/;
const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

// Returns what does not fit among `documents`, a line for each.
export function referenceFaults(documents) {
  const found = [];
  const pods = documents.filter(podOf).map((document) => ({ document, ...podOf(document) }));
  const installed = (kind, name) => documents.some((each) => each.kind === kind && each.metadata.name === name);
  const selected = (labels) => pods.filter(({ metadata }) => Object.entries(labels ?? {}).every(([key, value]) => metadata.labels?.[key] === value));
  const portNames = (pod) => pod.spec.containers.flatMap((container) => (container.ports ?? []).map((port) => port.name));

  for (const document of documents) {
    const of = (fault) => found.push(`${document.kind} ${document.metadata.name}: ${fault}`);
    const twin = documents.find((each) => each.kind === document.kind && each.metadata.name === document.metadata.name);
    if (twin !== document) of('is there twice');
    if (!NAME.test(document.metadata.name)) of('is no name of an object');
    if (!document.metadata.namespace) of('has no namespace');
    for (const [key, value] of Object.entries(document.metadata.labels ?? {})) if (!LABEL.test(value)) of(`label ${key} is ${value}`);

    const selector = document.kind === 'Service' ? document.spec.selector
      : document.kind === 'NetworkPolicy' ? document.spec.podSelector.matchLabels
        : document.spec?.selector?.matchLabels;
    if (selector && selected(selector).length !== 1) of(`selects ${selected(selector).length} kinds of pods`);
    if (document.kind === 'Service') {
      for (const { targetPort } of document.spec.ports) {
        if (!selected(selector).every((pod) => portNames(pod).includes(targetPort))) of(`port ${targetPort} is of no container`);
      }
    }
    if (document.kind === 'HorizontalPodAutoscaler') {
      const { kind, name } = document.spec.scaleTargetRef;
      const target = documents.find((each) => each.kind === kind && each.metadata.name === name);
      if (!target) of(`scales ${kind} ${name}, which is not there`);
      else if (target.spec.replicas !== undefined) of('scales what states its replicas');
      if (document.spec.minReplicas > document.spec.maxReplicas) of('minReplicas is above maxReplicas');
    }
  }
  for (const pod of pods) podFaults(pod, installed, portNames(pod), found);
  return found;
}

function podFaults({ document, metadata, spec }, installed, portNames, found) {
  const of = (fault) => found.push(`${document.kind} ${document.metadata.name}: ${fault}`);
  const volumes = new Map((spec.volumes ?? []).map((volume) => [volume.name, volume]));
  if (volumes.size !== (spec.volumes ?? []).length) of('two volumes have one name');
  const account = spec.serviceAccountName;
  if (account === document.metadata.name && !installed('ServiceAccount', account)) of(`service account ${account} is not there`);
  for (const volume of volumes.values()) {
    if (volume.configMap && !installed('ConfigMap', volume.configMap.name)) of(`ConfigMap ${volume.configMap.name} is not there`);
  }
  const mounted = new Set();
  for (const container of spec.containers) {
    const paths = (container.volumeMounts ?? []).map((mount) => mount.mountPath);
    if (new Set(paths).size !== paths.length) of(`container ${container.name} mounts twice at one place`);
    for (const mount of container.volumeMounts ?? []) {
      mounted.add(mount.name);
      if (!volumes.has(mount.name)) of(`container ${container.name} mounts ${mount.name}, which is no volume`);
    }
    for (const kind of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
      const port = container[kind]?.tcpSocket?.port ?? container[kind]?.grpc?.port;
      if (typeof port === 'string' && !portNames.includes(port)) of(`${kind} asks port ${port}, which is of no container`);
      if (typeof port === 'number' && !container.ports.some((each) => each.containerPort === port)) of(`${kind} asks port ${port}, which is of no container`);
    }
    const asleep = Number(container.lifecycle?.preStop?.sleep?.seconds ?? 0);
    if (asleep >= (spec.terminationGracePeriodSeconds ?? 30)) of('preStop takes the whole grace period');
  }
  for (const name of volumes.keys()) if (!mounted.has(name)) of(`volume ${name} is mounted nowhere`);
  for (const [key, value] of Object.entries(metadata.labels ?? {})) if (!LABEL.test(value)) of(`label ${key} of the pod is ${value}`);
}
