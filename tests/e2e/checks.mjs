// Sums up what the conformance suite wrote down: failed checks, then `GOOD BAD`.
import { globSync, readFileSync } from 'node:fs';

//   node checks.mjs FOLDER LOG
// What the suite itself says it did not score (extensions, pending ones) is no part of the verdict.
const [folder, log] = process.argv.slice(2);
const [, list = ''] = readFileSync(log, 'utf8').split('Not scored for ');
const unscored = [...list.matchAll(/^ {2}\S+ (\S+) \((?:extension|pending)\)$/gm)].map((m) => m[1]);
const scored = (file) => !unscored.some((name) => file.includes(`/server-${name}-2`));
let good = 0;
let bad = 0;
for (const file of globSync(`${folder}/**/checks.json`)) {
  for (const check of JSON.parse(readFileSync(file, 'utf8'))) {
    if (check.status === 'SUCCESS') good += 1;
    if (check.status !== 'FAILURE' || !scored(file)) continue;
    bad += 1;
    console.log(file.split('/').at(-2), check.id, check.errorMessage);
  }
}
console.log(good, bad);
