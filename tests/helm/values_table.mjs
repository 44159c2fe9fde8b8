// The table of values in the chart's README, out of values.yaml: the comment above a value describes it.
//
//   node tests/helm/values_table.mjs    writes it anew
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isMap, parseDocument } from 'yaml';
import { CHART } from './chart.mjs';

const README = join(CHART, 'README.md');
const BEGIN = '<!-- Generated from values.yaml by tests/helm/values_table.mjs. -->\n';
const END = '<!-- End of what is generated. -->\n';
// Described as a whole, by the comment above it.
const WHOLE = ['config', 'resources', 'redis.resources'];

const prose = (comment) => (comment ?? '').split('\n').map((line) => line.trim()).join(' ').trim().replaceAll('|', '\\|');

function rows(map, path, found) {
  for (const [index, { key, value }] of map.items.entries()) {
    // A comment above the first member of a mapping belongs to the mapping, as far as the parser goes.
    const described = prose(key.commentBefore ?? (index === 0 ? map.commentBefore : ''));
    const name = path ? `${path}.${key.value}` : key.value;
    if (isMap(value) && value.items.length > 0 && !WHOLE.includes(name)) {
      if (described) found.push(`| \`${name}\` | | ${described} |`);
      rows(value, name, found);
    } else {
      const shown = name === 'config' ? '[values.yaml](values.yaml)' : `\`${JSON.stringify(value.toJSON())}\``;
      found.push(`| \`${name}\` | ${shown} | ${described} |`);
    }
  }
  return found;
}

// Returns the README as it must be.
export function readmeWithTable() {
  const values = parseDocument(readFileSync(join(CHART, 'values.yaml'), 'utf8'));
  const readme = readFileSync(README, 'utf8');
  const [before, rest] = readme.split(BEGIN);
  const [, after] = rest.split(END);
  const table = ['| value | default | |', '|---|---|---|', ...rows(values.contents, '', [])].join('\n');
  return `${before}${BEGIN}\n${table}\n\n${END}${after}`;
}
export const readme = () => readFileSync(README, 'utf8');

if (import.meta.url === pathToFileURL(process.argv[1]).href) writeFileSync(README, readmeWithTable());
