// The Pod Security Standard "restricted" (Kubernetes documentation, "Pod Security Standards"), and what this chart
// promises beyond it: a root file system that cannot be written to, no token of the API, resources stated.
const VOLUMES = ['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'persistentVolumeClaim', 'projected', 'secret'];
const SECCOMP = ['RuntimeDefault', 'Localhost'];

// Returns the pod of a document as {metadata, spec}, or nothing.
export function podOf(document) {
  return document.kind === 'Pod' ? document : document.spec?.template?.spec && document.spec.template;
}

// Returns what in the pod of `document` breaks the standard or the promises, a line for each.
export function restrictedFaults(document) {
  const pod = podOf(document)?.spec;
  if (!pod) return [];
  const found = [];
  const must = (holds, fault) => { if (!holds) found.push(`${document.kind} ${document.metadata.name}: ${fault}`); };

  for (const name of ['hostNetwork', 'hostPID', 'hostIPC']) must(!pod[name], `${name} is set`);
  for (const volume of pod.volumes ?? []) {
    const [kind] = Object.keys(volume).filter((key) => key !== 'name');
    must(VOLUMES.includes(kind), `volume ${volume.name} is a ${kind}`);
  }
  const shared = pod.securityContext ?? {};
  must((shared.sysctls ?? []).length === 0, 'sysctls are set');
  must(pod.automountServiceAccountToken === false, 'a token of the API is mounted');

  for (const container of [...(pod.initContainers ?? []), ...pod.containers]) {
    const own = container.securityContext ?? {};
    const says = (name) => own[name] ?? shared[name];
    const of = (fault) => `container ${container.name}: ${fault}`;
    must(says('runAsNonRoot') === true, of('may run as root'));
    must(says('runAsUser') !== 0, of('runs as root'));
    must(SECCOMP.includes(says('seccompProfile')?.type), of('no seccomp profile'));
    must(!['Unconfined'].includes(says('appArmorProfile')?.type), of('unconfined by AppArmor'));
    must(!says('seLinuxOptions')?.user && !says('seLinuxOptions')?.role, of('SELinux user or role is set'));
    must(own.allowPrivilegeEscalation === false, of('privileges may be gained'));
    must(!own.privileged, of('privileged'));
    must(!own.procMount || own.procMount === 'Default', of('procMount is set'));
    must((own.capabilities?.drop ?? []).includes('ALL'), of('capabilities are not dropped'));
    must((own.capabilities?.add ?? []).every((name) => name === 'NET_BIND_SERVICE'), of('capabilities are added'));
    must((container.ports ?? []).every((port) => !port.hostPort), of('takes a port of the host'));
    must(own.readOnlyRootFilesystem === true, of('the root file system can be written to'));
    must(container.resources?.requests && container.resources?.limits?.memory, of('resources are not stated'));
  }
  return found;
}
