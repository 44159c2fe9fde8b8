// Writes docs/conformance.md: the cases of conformance_cases.md with what a run of the tests says of
// each. A result is taken from every end-to-end test whose name begins with the case's id; what
// follows a space, slash or colon is a variant of it. A case that names a unit test in its fifth
// column takes the result of that one.
//
//   node --test --test-reporter=tap tests/black_box/*.test.mjs > report.tap
//   node tests/black_box/conformance.mjs report.tap [FOLDER]    writes docs/conformance.md
//   node tests/black_box/conformance.mjs --check report.tap [FOLDER]    fails where the page is stale
//
// FOLDER holds the JSON reports of GoogleTest. What only a unit test shows and this run did not run
// (Wycheproof's vectors are given by the environment) stays as the page has it.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CASES = fileURLToPath(new URL('conformance_cases.md', import.meta.url));
const PAGE = fileURLToPath(new URL('../../docs/conformance.md', import.meta.url));

const checking = process.argv[2] === '--check';
const [report, folder] = process.argv.slice(checking ? 3 : 2);

// The cells of a row of a table, or nothing.
function cellsOf(line) {
  if (!line.startsWith('| `')) return undefined;
  return line.replace(/^\| | \|$/g, '').split(' | ').map((cell) => cell.trim());
}

function idsOf(file) {
  const rows = new Map();
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [id, ...cells] = cellsOf(line) ?? [];
    if (id) rows.set(id.replaceAll('`', ''), cells);
  }
  return rows;
}

// Titles of tests -> whether they passed. Suites and skipped tests are left out.
function endToEnd(file) {
  const results = [];
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [, not, title] = /^ +(not )?ok \d+ - (.*)$/.exec(line) ?? [];
    if (title && !/ # (SKIP|TODO)/.test(title)) results.push({ title, passed: !not });
  }
  return results;
}

// Names of unit tests -> whether they passed.
function units(reports) {
  const results = new Map();
  if (!reports || !existsSync(reports)) return results;
  for (const name of readdirSync(reports).filter((file) => file.endsWith('.json'))) {
    for (const suite of JSON.parse(readFileSync(join(reports, name), 'utf8')).testsuites) {
      for (const test of suite.testsuite) {
        if (test.result !== 'COMPLETED') continue;
        results.set(`${suite.name}.${test.name}`, !test.failures?.length);
      }
    }
  }
  return results;
}

const cases = idsOf(CASES);
const before = existsSync(PAGE) ? idsOf(PAGE) : new Map();
const unitResults = units(folder);
const counts = new Map([...cases.keys()].map((id) => [id, { passed: 0, failed: 0 }]));
const families = [...new Set([...cases.keys()].map((id) => id.split('-')[0]))].join('|');
const unknown = new Set();
const problems = [];

for (const { title, passed } of endToEnd(report)) {
  const looksLike = new RegExp(`^(?:${families})-[^ :,(]+`).exec(title)?.[0];
  if (!looksLike) continue;
  const ids = [...cases.keys()].filter((id) => title.startsWith(id) && /^([\s:/,(]|$)/.test(title.slice(id.length)));
  const id = ids.sort((a, b) => b.length - a.length)[0];
  if (id) counts.get(id)[passed ? 'passed' : 'failed'] += 1;
  else unknown.add(looksLike);
}
for (const id of unknown) problems.push(`${id}: has a test and no row in ${CASES}`);

function resultOf(id, unit) {
  const { passed, failed } = counts.get(id);
  if (failed > 0) return '**fails**';
  if (passed > 0) return 'passes';
  if (!unit) return '**open**';
  const name = unit.replaceAll('`', '');
  if (unitResults.has(name)) return unitResults.get(name) ? 'passes' : '**fails**';
  return before.get(id)?.[3].replace(/ \(.*\)$/, '') ?? '**open**';
}

const results = new Map();
const lines = readFileSync(CASES, 'utf8').replace(/^<!--[^]*?-->\n+/, '').split('\n').map((line) => {
  if (line.startsWith('| id |')) return '| id | what happens | our answer | source | result |';
  if (line.startsWith('|---|')) return '|---|---|---|---|---|';
  const [id, what, answer, source, unit] = cellsOf(line) ?? [];
  if (!id) return line;
  const name = id.replaceAll('`', '');
  results.set(name, resultOf(name, unit));
  const shownBy = unit ? ` (${unit})` : '';
  return `| ${id} | ${what} | ${answer} | ${source} | ${results.get(name)}${shownBy} |`;
});

const all = [...results.values()];
const number = (result) => all.filter((other) => other === result).length;
const summary = `${all.length} cases: ${number('passes')} pass, ${number('**fails**')} fail, ${number('**open**')} are open.`;
const page = lines.join('\n').replace('{{summary}}', summary);

if (checking) {
  for (const [id, result] of results) {
    const said = before.get(id)?.[3]?.replace(/ \(.*\)$/, '') ?? 'nothing';
    if (said !== result) problems.push(`${id}: the page says ${said}, the tests say ${result}`);
  }
  for (const id of before.keys()) if (!results.has(id)) problems.push(`${id}: is on the page and not among the cases`);
  if (problems.length === 0 && page !== readFileSync(PAGE, 'utf8')) problems.push('the texts of the page are not those of the cases');
} else {
  writeFileSync(PAGE, page);
}
console.log(summary);
for (const problem of problems) console.error(problem);
if (problems.length > 0) console.error('To write docs/conformance.md anew: UPDATE_CONFORMANCE=1 tests/run.sh unit black_box');
process.exit(problems.length > 0 ? 1 : 0);
