// The alerts and the dashboard: Prometheus takes them, they speak of metrics that there are, and each alert has an
// entry in docs/operations.md that says what to do.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const text = (path) => readFileSync(at(path), 'utf8');

const RULES = 'helm/token-broker/files/rules.yaml';
const DASHBOARD = 'deploy/grafana/token-broker.json';

function promtool(...args) {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

const rules = text(RULES);
const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
const documented = new Set([...text('docs/metrics.md').matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name));
const METRIC = /\b(?:tokenbroker|process)_[a-z_]+/g;
const base = (name) => name.replace(/_(bucket|sum|count)$/, '');
const unknown = (expression) => (expression.match(METRIC) ?? []).filter((name) => !documented.has(name) && !documented.has(base(name)));

describe('the alerts', () => {
  test('are taken by Prometheus', () => {
    const { status, output } = promtool('check', 'rules', at(RULES));
    assert.equal(status, 0, output);
  });

  test('fire when they should, and not before', () => {
    const { status, output } = promtool('test', 'rules', at('tests/monitoring/rules_test.yaml'));
    assert.equal(status, 0, output);
  });

  test('are all tested both ways', () => {
    const cases = text('tests/monitoring/rules_test.yaml');
    for (const alert of alerts) {
      assert.match(cases, new RegExp(`{alertname: ${alert}, eval_time`), `${alert} is never shown to be silent`);
      assert.match(cases, new RegExp(`alertname: ${alert}\\n +eval_time.*\\n +exp_alerts`), `${alert} is never shown to fire`);
    }
  });

  test('speak of metrics that there are', () => assert.deepEqual(unknown(rules), []));

  test('have an entry each in docs/operations.md', () => {
    const entries = [...text('docs/operations.md').matchAll(/^### (TokenBroker\w+)$/gm)].map(([, name]) => name);
    assert.deepEqual(entries.sort(), [...alerts].sort());
    for (const alert of alerts) assert.ok(rules.includes(`runbook: docs/operations.md#${alert.toLowerCase()}\n`), alert);
  });
});

describe('the dashboard', () => {
  const panels = JSON.parse(text(DASHBOARD)).panels.filter((panel) => panel.type !== 'row');
  const expressions = panels.flatMap((panel) => panel.targets.map(({ expr }) => expr));

  test('speaks of metrics that there are', () => assert.deepEqual(expressions.flatMap(unknown), []));

  test('asks what Prometheus can answer', () => {
    const folder = mkdtempSync(join(tmpdir(), 'token-broker-dashboard-'));
    const file = join(folder, 'rules.yaml');
    const queries = expressions.map((expr, i) => ({ record: `query:${i}`, expr: expr.replaceAll('$__rate_interval', '5m') }));
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules: queries }] }));
    const { status, output } = promtool('check', 'rules', file);
    rmSync(folder, { recursive: true });
    assert.equal(status, 0, output);
  });

  test('has every panel named, once', () => {
    const places = panels.map(({ title, gridPos }) => `${title} at ${gridPos.y}`);
    assert.equal(new Set(places).size, places.length);
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  });
});
