// The last check of a run: nothing secret that was in play anywhere is in anything that any broker
// printed. Takes the folder that TEST_RECORD named.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { leaksIn, learn } from './harness/secrets.mjs';

const folder = process.argv[2];
const files = readdirSync(folder);
const read = (name) => readFileSync(join(folder, name), 'utf8');

let secrets = 0;
for (const name of files.filter((file) => file.endsWith('.secrets.json'))) {
  const entries = JSON.parse(read(name));
  secrets += entries.length;
  learn(entries);
}
const logs = files.filter((file) => file.endsWith('.log'));
let leaks = 0;
for (const name of logs) {
  for (const leak of leaksIn(read(name))) {
    leaks += 1;
    console.error(`LEAK: ${leak}`);
  }
}
console.log(`Compared ${secrets} secrets with what ${logs.length} brokers printed: ${leaks} leaks.`);
if (secrets === 0 || logs.length === 0) console.error('Nothing was recorded.');
process.exit(leaks === 0 && secrets > 0 && logs.length > 0 ? 0 : 1);
