// Counts the test cases in GoogleTest's JSON reports: prints "PASSED FAILED".
//
//   count_gtest.mjs FOLDER CTEST_OUTPUT
//
// A binary that crashed or hung left no report: ctest's own count of failures is the least there is.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder, ctestOutput] = process.argv.slice(2);
let passed = 0;
let failed = 0;
for (const file of existsSync(folder) ? readdirSync(folder) : []) {
  const report = JSON.parse(readFileSync(join(folder, file), 'utf8'));
  passed += report.tests - report.failures - report.disabled;
  failed += report.failures;
}
const [, binaries] = /(\d+) tests failed out of/.exec(readFileSync(ctestOutput, 'utf8')) ?? [, '1'];
console.log(passed, Math.max(failed, Number(binaries)));
