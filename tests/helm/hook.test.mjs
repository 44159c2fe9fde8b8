// What `helm test` runs, run: the commands of its pod by grpcurl, against a broker that shows a certificate for the name
// they ask for. Needs GRPCURL, a grpcurl (`go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3`).
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Authority } from '../black_box/harness/certificates.mjs';
import { CASES, documentsOf, HELMS, template } from './chart.mjs';

const { GRPCURL } = process.env;
// It needs the packages of the end-to-end tests, which the chart's own tests do without.
const { Broker } = GRPCURL ? await import('../black_box/harness/broker.mjs') : {};
const skip = GRPCURL ? false : 'there is no GRPCURL to run it with';

// The commands of the pod of an example: [{name, args}].
function commandsOf(example) {
  const { stdout } = template(HELMS[0], CASES.find(({ name }) => name === example).file);
  const pod = documentsOf(stdout).find(({ kind, metadata }) => kind === 'Pod' && metadata.annotations?.['helm.sh/hook'] === 'test');
  return pod.spec.containers.map(({ name, args }) => ({ name, args }));
}

for (const [example, clientCertificates] of [['evaluation', false], ['production', true]]) {
  describe(`helm test of the example ${example}`, { skip }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'token-broker-hook-'));
    const authority = new Authority();
    let commands;
    let broker;
    before(async () => {
      commands = commandsOf(example);
      const [host] = commands[0].args.find((word) => word.includes('.svc:')).split(':');
      const server = authority.issue(`DNS:${host}`);
      const client = authority.issue('DNS:tests');
      writeFileSync(join(folder, 'ca.crt'), authority.ca);
      writeFileSync(join(folder, 'tls.crt'), client.cert);
      writeFileSync(join(folder, 'tls.key'), client.key);
      const tls = { certificate_file: server.certFile, private_key_file: server.keyFile, ...(clientCertificates && { client_ca_file: authority.caFile }) };
      broker = await Broker.start({ server: { tls } });
    });
    after(async () => {
      await broker?.stop();
      rmSync(folder, { recursive: true });
    });

    // Runs a command as in the pod, but for where its files are and where the name leads to.
    function run({ args }) {
      const words = args.map((word) => word.replace('=/tls/', `=${folder}/`));
      const place = words.findIndex((word) => word.includes('.svc:'));
      const [host] = words[place].split(':');
      words.splice(place, 1, `-servername=${host}`, broker.address);
      const { status, stdout, stderr } = spawnSync(GRPCURL, words, { encoding: 'utf8' });
      return { status, output: stdout + stderr };
    }
    const command = (name) => commands.find((each) => each.name === name);

    test('asks for the health', () => {
      const { status, output } = run(command('health'));
      assert.equal(status, 0, output);
      assert.match(output, /"status": "SERVING"/);
    });

    test('asks reflection for the API', () => {
      const { status, output } = run(command('reflection'));
      assert.equal(status, 0, output);
      assert.match(output, /rpc GetAccessToken/);
    });

    test('fails where the certificate is of another authority', () => {
      writeFileSync(join(folder, 'ca.crt'), new Authority().ca);
      const { status, output } = run(command('health'));
      assert.notEqual(status, 0);
      assert.match(output, /certificate/);
    });
  });
}
