// The Helm chart, rendered by Helm 3 and 4 with every example in helm/token-broker/ci: against golden files, against
// Kubernetes' schemas, and by the broker's own opinion of its configuration. UPDATE_GOLDEN=1 writes the golden files.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { brokerCheck, CASES, CHART, documentsOf, GOLDEN, helm, HELMS, kubernetesFieldsText, packageChart, ROOT, template, valuesFile } from './chart.mjs';
import { KubernetesFields } from './kubernetes_fields.mjs';
import { referenceFaults } from './references.mjs';
import { requiredFieldFaults } from './required_fields.mjs';
import { podOf, restrictedFaults } from './restricted.mjs';
import { readme, readmeWithTable } from './values_table.mjs';

const fieldsText = kubernetesFieldsText();
const fields = fieldsText && new KubernetesFields(fieldsText);
const skip = fields ? false : 'golang-k8s-client-go-dev could not be had';

// "1h2m3s" in seconds.
const seconds = (duration) => [...duration.matchAll(/(\d+)([hms])/g)]
  .reduce((sum, [, number, unit]) => sum + number * { h: 3600, m: 60, s: 1 }[unit], 0);

for (const { name, file } of CASES) {
  describe(`the chart with the example ${name}`, () => {
    const rendered = HELMS.map((which) => ({ which, ...template(which, file) }));
    const documents = documentsOf(rendered[0].stdout);

    for (const { which, status, output, stdout } of rendered) {
      test(`is what the golden file says, by ${which.name}`, () => {
        assert.equal(status, 0, output);
        const golden = join(GOLDEN, `${name}.yaml`);
        if (process.env.UPDATE_GOLDEN) writeFileSync(golden, stdout);
        assert.ok(existsSync(golden), `there is no ${golden}; UPDATE_GOLDEN=1 writes it`);
        assert.equal(stdout, readFileSync(golden, 'utf8'), 'UPDATE_GOLDEN=1 accepts the change');
      });
      test(`passes the strict lint of ${which.name}`, () => {
        const lint = helm(which, 'lint', '--strict', CHART, '--values', file);
        assert.equal(lint.status, 0, lint.output);
        assert.doesNotMatch(lint.output, /WARN|ERROR|Fail:|funcMap/);
      });
    }

    test('has no field that Kubernetes does not know', { skip }, () => {
      assert.deepEqual(documents.filter((each) => fields.knows(each)).flatMap((each) => fields.faults(each)), []);
      assert.deepEqual(documents.filter((each) => !fields.knows(each) && !/cert-manager|external-secrets|monitoring\.coreos/.test(each.apiVersion)), []);
    });

    test('has every field that Kubernetes, cert-manager and External Secrets require', async () => {
      assert.deepEqual((await Promise.all(documents.map(requiredFieldFaults))).flat(), []);
    });

    test('passes the Pod Security Standard "restricted"', () => {
      assert.ok(documents.some(podOf));
      assert.deepEqual(documents.flatMap(restrictedFaults), []);
    });

    test('fits together', () => {
      assert.deepEqual(referenceFaults(documents), []);
    });

    test('has a configuration that the broker takes', () => {
      const map = documents.find((each) => each.kind === 'ConfigMap');
      const { status, output } = brokerCheck(map.data['broker.yaml']);
      assert.equal(status, 0, output);
    });

    test('gives the broker the time that it drains for', () => {
      const { spec } = podOf(documents.find((each) => each.kind === 'Deployment' && !each.metadata.name.endsWith('-redis')));
      const config = parse(documents.find((each) => each.kind === 'ConfigMap').data['broker.yaml']);
      const asleep = spec.containers[0].lifecycle.preStop.sleep.seconds;
      assert.ok(spec.terminationGracePeriodSeconds >= asleep + seconds(config.server.drain_grace) + 5);
    });
  });
}

describe('the chart', () => {
  test('has an example for each golden file', () => {
    assert.deepEqual(readdirSync(GOLDEN).sort(), CASES.map(({ name }) => `${name}.yaml`).sort());
  });

  test('has a pod for `helm test` where there is reflection to ask', () => {
    const pods = (server) => documentsOf(template(HELMS[0], valuesFile({
      config: { server, store: { redis: { address: 'redis:6379' } } }, tls: { existingSecret: 'broker-tls' },
    })).stdout).filter(({ kind }) => kind === 'Pod').length;
    assert.deepEqual([pods({}), pods({ reflection: true }), pods({ reflection: false })], [1, 1, 0]);
  });

  test('is of the version of the broker', () => {
    const [, version] = readFileSync(join(ROOT, 'CMakeLists.txt'), 'utf8').match(/project\(token-broker VERSION (\S+)/);
    assert.equal(parse(readFileSync(join(CHART, 'Chart.yaml'), 'utf8')).appVersion, version);
  });

  test('has the table of its values in its README', () => {
    assert.equal(readme(), readmeWithTable(), 'node tests/helm/values_table.mjs writes it');
  });

  test('has a schema with exactly the values of values.yaml', () => {
    const schema = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8'));
    const values = parse(readFileSync(join(CHART, 'values.yaml'), 'utf8'));
    const compare = (part, of, path) => {
      const declared = part.$ref ? schema.definitions[part.$ref.split('/').pop()] : part;
      if (!declared.properties || Object.keys(of).length === 0 || path === '.config') return;
      assert.equal(declared.additionalProperties, false, `${path || 'the root'} takes misspelt values`);
      const names = Object.keys(declared.properties).filter((name) => name !== 'global' && name !== 'claims');
      assert.deepEqual(Object.keys(of).sort(), names.sort(), `the values of ${path || 'the root'}`);
      for (const name of names) if (of[name] && typeof of[name] === 'object') compare(declared.properties[name], of[name], `${path}.${name}`);
    };
    compare(schema, values, '');
  });

  for (const which of HELMS) {
    test(`is packaged by ${which.name} with what belongs into it alone`, () => {
      const packed = packageChart(which).map((name) => name.replace(/^token-broker\//, ''));
      for (const name of ['Chart.yaml', 'values.yaml', 'values.schema.json', 'README.md']) assert.ok(packed.includes(name), name);
      assert.deepEqual(packed.filter((name) => !/^(Chart|values|README|templates\/|files\/)/.test(name) && name !== '.helmignore'), []);
    });
  }
});
