// The chart, and Helm 3 and 4 to render it with.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';

const at = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
export const CHART = at('helm/token-broker');
export const GOLDEN = at('tests/helm/golden');
export const ROOT = at('.');
const TOOLS = at('build/helm-tools');
const BROKER = process.env.TOKEN_BROKER_BIN ?? at('build/release/service/token-broker');

export const HELMS = ['helm3', 'helm4'].map((name) => ({ name, binary: join(TOOLS, name) }));
// The chart's examples, each of which is a test case: [{name, file}].
export const CASES = readdirSync(join(CHART, 'ci')).sort()
  .map((file) => ({ name: file.replace(/-values\.yaml$/, ''), file: join(CHART, 'ci', file) }));

const scratch = mkdtempSync(join(tmpdir(), 'token-broker-helm-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

// The schema of Kubernetes' fields, or nothing where tools.sh could not get it.
export function kubernetesFieldsText() {
  const file = join(TOOLS, 'kubernetes-fields.yaml');
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

// Runs Helm and returns {status, output, stdout}. Helm sees no configuration of the machine's user, and no cluster.
export function helm({ binary }, ...args) {
  const env = { PATH: process.env.PATH, HOME: scratch, KUBECONFIG: join(scratch, 'none') };
  const { status, stdout, stderr } = spawnSync(binary, args, { env, encoding: 'utf8' });
  return { status, stdout, output: stdout + stderr };
}

// Renders the chart with a file of values, as `helm install token-broker --namespace prod` would.
export const template = (which, file) =>
  helm(which, 'template', 'token-broker', CHART, '--namespace', 'prod', '--values', file);

// Writes values that exist for one test only, as JSON, which is YAML. Returns the file.
let files = 0;
export function valuesFile(values) {
  files += 1;
  const file = join(scratch, `values-${files}.json`);
  writeFileSync(file, JSON.stringify(values));
  return file;
}

export const documentsOf = (text) =>
  parseAllDocuments(text).map((document) => document.toJS()).filter((document) => document);

// What the broker itself says of a configuration, as {status, output}.
export function brokerCheck(config) {
  if (!existsSync(BROKER)) throw new Error(`no broker at ${BROKER}: build it, or set TOKEN_BROKER_BIN`);
  const file = join(scratch, 'broker.yaml');
  writeFileSync(file, config);
  const { status, stdout, stderr } = spawnSync(BROKER, ['--config', file, '--check', '--without_files'], { encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

export function packageChart(which) {
  execFileSync(which.binary, ['package', CHART, '--destination', scratch], { stdio: 'ignore', env: { PATH: process.env.PATH, HOME: scratch } });
  const [archive] = readdirSync(scratch).filter((file) => file.endsWith('.tgz'));
  return execFileSync('tar', ['-tzf', join(scratch, archive)], { encoding: 'utf8' }).trim().split('\n');
}
