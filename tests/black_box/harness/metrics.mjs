// What a broker tells Prometheus.
import assert from 'node:assert/strict';
import http from 'node:http';
import { eventually } from './child.mjs';

// A broker's configuration with metrics on a free port of loopback.
export const METRICS = { metrics: { listen: '127.0.0.1:0' } };

// Where a broker serves metrics, from its log.
export function metricsAddress(broker) {
  const find = () => /"event":"serving metrics","address":"([^"]+)"/.exec(broker.output)?.[1];
  return eventually(find, 'the log names the address of the metrics');
}

// Asks over a connection of its own: the server may close an idle one just when it is used again.
function get(url) {
  return new Promise((resolve, reject) => {
    http.get(url, { agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part) => { text += part; }).on('end', () => resolve({ status: answer.statusCode, text })).on('error', reject);
    }).on('error', reject);
  });
}

// Returns {text, types: name -> type, value(name, labels)}; `value` adds up all series that have the
// labels, and is undefined where there is none.
export async function scrape(broker) {
  const { status, text } = await get(`http://${await metricsAddress(broker)}/metrics`);
  assert.equal(status, 200);
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
