#!/usr/bin/env node
// A picture of the dashboard with real data: two brokers under a load with every kind of trouble in it, Debian's
// Prometheus scraping them, every panel's queries asked of that Prometheus, and the answers drawn.
//
//   node tests/monitoring/dashboard_picture.mjs [--seconds 60] [--out build/dashboard]
//
// Opt-in: it takes as long as it is told to. Writes dashboard.html and dashboard.png, lists the panels that have no
// data, and ends with 1 where a query is refused. This is not Grafana: lines, legends and units are drawn by this
// file, so it shows whether the queries say what the titles promise, not how Grafana lays them out.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import grpc from '@grpc/grpc-js';
import { redisStore } from '../black_box/harness/broker.mjs';
import { Authority } from '../black_box/harness/certificates.mjs';
import { accepts, Child, freePort, scratchFolder } from '../black_box/harness/child.mjs';
import { HostileWorld } from '../black_box/harness/hostile_world.mjs';
import { METRICS, metricsAddress } from '../black_box/harness/metrics.mjs';
import { Redis } from '../black_box/harness/redis.mjs';
import { RedisProxy } from '../black_box/harness/redis_proxy.mjs';
import { connect } from '../black_box/harness/rpc.mjs';
import { page } from './panels_as_svg.mjs';

const { values: flags } = parseArgs({ options: { seconds: { type: 'string', default: '60' }, out: { type: 'string', default: 'build/dashboard' } } });
const SECONDS = Number(flags.seconds);
const SCRAPE = 2;
const RATE_INTERVAL = `${4 * SCRAPE}s`; // as Grafana chooses it
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });
const ignore = () => {};

async function startBrokers() {
  const redis = await Redis.start();
  const proxy = await RedisProxy.start(redis.port);
  const authority = new Authority();
  const identity = authority.issue('IP:127.0.0.1', { days: 30 });
  const spool = () => ({ scheduler: { poll_interval: '1s' }, lease: '3s', spool: { directory: join(scratchFolder(), 'spool') } });
  const world = await HostileWorld.start({
    size: 4,
    provider: { rate_limit: { requests_per_second: 20 } },
    client: { refresh: { floor: '0s', fraction: 0.5 } },
    config: {
      ...redisStore(proxy.port),
      refresh: spool(),
      server: { tls: { certificate_file: identity.certFile, private_key_file: identity.keyFile } },
      telemetry: { ...METRICS },
    },
    options: { credentials: grpc.credentials.createSsl(authority.ca) },
  });
  return { redis, proxy, world, authority, spool };
}

// Calls that come at about `perSecond`, one after the other or together, until `until`.
async function keepCalling(until, perSecond, call) {
  while (Date.now() < until) {
    call().catch(ignore);
    await pause((1000 / perSecond) * (0.5 + Math.random()));
  }
}

async function load({ world, proxy, replicas, until }) {
  const cases = [];
  for (let i = 0; i < 4; ++i) {
    const one = world.newCase({ expiresIn: 20 });
    for (let j = 0; j < 5; ++j) {
      const grant = j === 0 ? one : one.another();
      await grant.run();
      cases.push(grant);
    }
  }
  const any = (list) => list[Math.floor(Math.random() * list.length)];
  const at = (part) => pause(Math.max(0, until - Date.now() - SECONDS * 1000 * (1 - part)));
  const token = (request) => any(replicas).rpc.GetAccessToken(request);
  const calls = [
    keepCalling(until, 80, () => token({ grant_id: any(cases).grantId })),
    keepCalling(until, 1, () => token({ grant_id: 'nobodys' })),
    keepCalling(until, 1, () => any(replicas).rpc.ListGrants({ client: any(cases).client })),
    // Several callers at both replicas whose token was rejected: one refresh, the others wait.
    keepCalling(until, 0.7, async () => {
      const one = any(cases);
      const { access_token: held } = await token({ grant_id: one.grantId });
      one.op.next('token', { response: (answer) => ({ ...answer, delayMs: 300 }) });
      const wish = { grant_id: one.grantId, rejected_access_token: held };
      await Promise.allSettled([...replicas, ...replicas].flatMap(({ rpc }) => [
        rpc.GetAccessToken(wish), rpc.GetAccessToken({ ...wish, audience: 'https://api.example.org/a' }),
      ]));
    }),
    keepCalling(until, 0.3, async () => {
      const one = any(cases).another();
      await one.run();
      await one.rpc.RevokeGrant({ grant_id: one.grantId });
    }),
  ];
  const renew = async (one) => token({ grant_id: one.grantId, rejected_access_token: (await token({ grant_id: one.grantId })).access_token });
  await at(0.3);
  const limited = cases[0];
  limited.op.next('token', { instead: { status: 429, headers: { 'retry-after': '8' }, body: '' } });
  renew(limited).catch(ignore);
  await at(0.45);
  const broken = cases[5];
  for (let i = 0; i < 12; ++i) {
    broken.op.next('token', { instead: { status: 503, headers: {}, body: '' } });
    await renew(broken).catch(ignore);
  }
  await at(0.65);
  // An answer comes while Redis is away: it waits on disk.
  const stranded = cases[10];
  stranded.op.next('token', { response: (answer) => ({ ...answer, delayMs: 1500 }) });
  renew(stranded).catch(ignore);
  await pause(1000);
  proxy.leave();
  await pause(5000);
  await proxy.comeBack();
  await at(0.85);
  replicas[0].child.process.kill('SIGHUP');
  await Promise.all(calls);
}

async function startPrometheus(addresses) {
  const folder = scratchFolder();
  const file = join(folder, 'prometheus.yaml');
  writeFileSync(file, JSON.stringify({
    global: { scrape_interval: `${SCRAPE}s`, scrape_timeout: `${SCRAPE}s`, evaluation_interval: `${SCRAPE}s` },
    rule_files: [join(ROOT, 'helm/token-broker/files/rules.yaml')],
    scrape_configs: [{ job_name: 'token-broker', static_configs: [{ targets: addresses }] }],
  }));
  const port = await freePort();
  const child = new Child('prometheus', [
    `--config.file=${file}`, `--storage.tsdb.path=${join(folder, 'data')}`, `--web.listen-address=127.0.0.1:${port}`,
  ]);
  await child.until(() => accepts(port), 'Prometheus accepts connections');
  return { child, url: `http://127.0.0.1:${port}` };
}

async function ask(url, expr, from, to) {
  const query = expr.replaceAll('$__rate_interval', RATE_INTERVAL).replaceAll('$job', '.*');
  const words = new URLSearchParams({ query, start: from, end: to, step: SCRAPE });
  const answer = await (await fetch(`${url}/api/v1/query_range?${words}`)).json();
  if (answer.status !== 'success') throw new Error(`${query}: ${answer.error}`);
  return answer.data.result;
}

const legendOf = (format, labels) => (format ?? '').replace(/{{(\w+)}}/g, (_, name) => labels[name] ?? '');

const { redis, proxy, world, authority, spool } = await startBrokers();
const other = await world.addReplica({ refresh: spool() });
other.rpc.close();
const replicas = [world.broker, other];
other.rpc = connect(other.address, { credentials: grpc.credentials.createSsl(authority.ca) });
const prometheus = await startPrometheus(await Promise.all(replicas.map(metricsAddress)));
const began = Date.now();
await load({ world, proxy, replicas, until: began + SECONDS * 1000 });
await pause(2 * SCRAPE * 1000);

const from = began / 1000;
const to = Date.now() / 1000;
const dashboard = JSON.parse(readFileSync(join(ROOT, 'deploy/grafana/token-broker.json'), 'utf8'));
const refused = [];
const empty = [];
for (const panel of dashboard.panels.filter(({ type }) => type !== 'row')) {
  panel.series = [];
  for (const { expr, legendFormat } of panel.targets) {
    const result = await ask(prometheus.url, expr, from, to).catch((error) => { refused.push(error.message); return []; });
    for (const { metric, values } of result) {
      const points = values.map(([time, value]) => [time, Number(value)]).filter(([, value]) => Number.isFinite(value));
      if (points.length) panel.series.push({ legend: legendOf(legendFormat, metric), points });
    }
  }
  if (panel.series.length === 0) empty.push(panel.title);
}
const { data: { alerts } } = await (await fetch(`${prometheus.url}/api/v1/alerts`)).json();

const out = resolve(ROOT, flags.out);
mkdirSync(out, { recursive: true });
const { html, width, height } = page(dashboard, from, to);
writeFileSync(join(out, 'dashboard.html'), html);
execFileSync('chromium', [
  '--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', `--window-size=${width},${height}`, `--user-data-dir=${scratchFolder()}`,
  `--screenshot=${join(out, 'dashboard.png')}`, `file://${join(out, 'dashboard.html')}`,
], { stdio: 'ignore' });

console.log(`${join(out, 'dashboard.png')}: ${dashboard.panels.filter(({ series }) => series?.length).length} panels with data`);
for (const title of empty) console.log(`no data: ${title}`);
for (const { labels: { alertname }, state } of alerts) console.log(`alert: ${alertname} ${state}`);
for (const message of refused) console.log(`refused: ${message}`);

await prometheus.child.stop();
await other.stop();
await world.stop();
proxy.stop();
await redis.stop();
process.exit(refused.length === 0 ? 0 : 1);
