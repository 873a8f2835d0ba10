// Both languages say everything, with the same blanks to fill in. The key sets are the compiler's
// business (en.ts, de.ts); what it cannot see is here.
import { de } from '../src/messages/de.ts';
import { en } from '../src/messages/en.ts';
import { same, good, test } from './kit.mjs';

const blanks = (text) => [...text.matchAll(/\{(\w+)\}/g)].map((one) => one[1]).sort();

export async function words() {
  await test('both languages have every text, with the same blanks', () => {
    same(Object.keys(de).sort(), Object.keys(en).sort(), 'keys');
    for (const key of Object.keys(en)) {
      good(en[key].trim() && de[key].trim(), `${key} is empty`);
      if (!key.endsWith('.one')) same(blanks(de[key]), blanks(en[key]), key);
      good(!/["']\w/.test(de[key]), `${key}: German quotes are „…“`);
    }
    for (const key of Object.keys(en).filter((one) => one.endsWith('.one')))
      good(key.replace(/one$/, 'other') in en, `${key} has no .other`);
  });
}
