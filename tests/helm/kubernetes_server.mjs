// A Kubernetes API server with its etcd, on loopback, and kubectl to talk to it. No controllers: nothing runs there.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './chart.mjs';

const TOOLS = join(ROOT, 'build/helm-tools');

// Takes kubectl out of the npm package that brings Helm, once. Returns its path.
function kubectl() {
  const file = join(TOOLS, 'kubectl');
  if (!existsSync(file)) {
    const unpack = 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read("kubectl/kubectl"))';
    const bytes = execFileSync('python3', ['-c', unpack, join(ROOT, 'tests/helm/node_modules/helm3/lib/layer.zip')], { maxBuffer: 2 ** 28 });
    writeFileSync(file, bytes, { mode: 0o755 });
  }
  return file;
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

export class KubernetesServer {
  #processes = [];

  // Starts `binary`, a kube-apiserver, and waits until it is ready.
  static async start(binary) {
    const server = new KubernetesServer();
    server.folder = mkdtempSync(join(tmpdir(), 'token-broker-kubernetes-'));
    const at = (name) => join(server.folder, name);
    const [etcd, peers, port] = [await freePort(), await freePort(), await freePort()];
    const etcdUrl = `http://127.0.0.1:${etcd}`;
    server.#run('etcd', ['--data-dir', at('etcd'), '--listen-client-urls', etcdUrl, '--advertise-client-urls', etcdUrl,
      '--listen-peer-urls', `http://127.0.0.1:${peers}`, '--initial-advertise-peer-urls', `http://127.0.0.1:${peers}`,
      '--initial-cluster', `default=http://127.0.0.1:${peers}`, '--unsafe-no-fsync']);

    const token = randomBytes(16).toString('hex');
    writeFileSync(at('tokens.csv'), `${token},tests,tests,system:masters\n`, { mode: 0o600 });
    execFileSync('openssl', ['genrsa', '-out', at('accounts.key'), '2048'], { stdio: 'ignore' });
    mkdirSync(at('certificates'));
    server.#run(binary, ['--etcd-servers', etcdUrl, '--bind-address', '127.0.0.1', '--secure-port', String(port),
      '--cert-dir', at('certificates'), '--token-auth-file', at('tokens.csv'), '--authorization-mode', 'RBAC',
      '--service-cluster-ip-range', '10.0.0.0/24', '--service-account-issuer', 'https://kubernetes.default.svc',
      '--service-account-signing-key-file', at('accounts.key'), '--service-account-key-file', at('accounts.key'),
      // Without controllers no service account has its token, nor a namespace its default account.
      '--disable-admission-plugins', 'ServiceAccount']);

    server.kubeconfig = at('kubeconfig');
    writeFileSync(server.kubeconfig, JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: { server: `https://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'u', user: { token } }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'c',
    }), { mode: 0o600 });
    await server.#ready();
    const { major, minor, gitVersion } = JSON.parse(server.kubectl(['get', '--raw', '/version']).stdout);
    server.version = gitVersion;
    server.minor = Number(major) * 100 + parseInt(minor, 10); // 120 for 1.20
    return server;
  }

  #run(command, args) {
    const log = openSync(join(this.folder, `${command.split('/').pop()}.log`), 'a');
    this.#processes.push(spawn(command, args, { stdio: ['ignore', log, log] }));
  }

  async #ready() {
    for (let tries = 0; tries < 600; tries += 1) {
      if (this.ended) break;
      if (this.kubectl(['get', '--raw', '/readyz']).status === 0) return;
      await pause(200);
    }
    throw new Error(`the API server is not ready:\n${this.log()}`);
  }

  // Whether a process of it has ended by itself.
  get ended() {
    return this.#processes.some(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null);
  }

  // Runs kubectl, `input` on its standard input, and returns {status, stdout, output}.
  kubectl(args, input = '') {
    return this.run(kubectl(), args, input);
  }

  // The same for another program that takes $KUBECONFIG.
  run(command, args, input = '') {
    const env = { PATH: process.env.PATH, HOME: this.folder, KUBECONFIG: this.kubeconfig };
    const { status, stdout, stderr } = spawnSync(command, args, { env, input, encoding: 'utf8', maxBuffer: 2 ** 26 });
    return { status, stdout, output: stdout + stderr };
  }

  // The end of the API server's own log, for people.
  log() {
    const name = readdirSync(this.folder).find((file) => file.startsWith('kube') && file.endsWith('.log'));
    return readFileSync(join(this.folder, name), 'utf8').slice(-5000);
  }

  async stop() {
    for (const process of this.#processes.reverse()) {
      const gone = new Promise((resolve) => { process.once('exit', resolve); });
      if (process.exitCode === null && process.kill('SIGTERM')) await gone;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
