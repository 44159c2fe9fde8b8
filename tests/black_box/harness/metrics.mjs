// What a broker tells Prometheus.
import assert from 'node:assert/strict';
import { eventually } from './child.mjs';

// A broker's configuration with metrics on a free port of loopback.
export const METRICS = { metrics: { listen: '127.0.0.1:0' } };

// Where a broker serves metrics, from its log.
export function metricsAddress(broker) {
  const find = () => /"event":"serving metrics","address":"([^"]+)"/.exec(broker.output)?.[1];
  return eventually(find, 'the log names the address of the metrics');
}

// Returns {text, types: name -> type, value(name, labels)}; `value` adds up all series that have the
// labels, and is undefined where there is none.
export async function scrape(broker) {
  const answer = await fetch(`http://${await metricsAddress(broker)}/metrics`);
  assert.equal(answer.status, 200);
  const text = await answer.text();
  const types = Object.fromEntries([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]));
  const series = [...text.matchAll(/^([a-z_]+)(?:\{(.*)\})? (\S+)$/gm)].map(([, name, labels = '', value]) => ({
    name,
    labels: Object.fromEntries([...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, word]) => [key, word])),
    value: Number(value),
  }));
  const value = (name, labels = {}) => {
    const found = series.filter((one) => one.name === name
      && Object.entries(labels).every(([key, word]) => one.labels[key] === word));
    return found.length === 0 ? undefined : found.reduce((sum, one) => sum + one.value, 0);
  };
  return { text, types, series, value };
}
