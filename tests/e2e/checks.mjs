// Sums up what the conformance suite wrote down: failed checks, then `GOOD BAD`.
import { globSync, readFileSync } from 'node:fs';

// What stands outside of the list that a revision requires is no part of the verdict.
const [folder] = process.argv.slice(2);
let good = 0;
let bad = 0;
for (const file of globSync(`${folder}/**/checks.json`)) {
  for (const check of JSON.parse(readFileSync(file, 'utf8'))) {
    if (check.status === 'SUCCESS') good += 1;
    if (check.status !== 'FAILURE') continue;
    bad += 1;
    console.log(file.split('/').at(-2), check.id, check.errorMessage);
  }
}
console.log(good, bad);
