// The tests of the page.   node run.mjs [PROGRAM]     PROGRAM: raum, built with the page
// RAUM_ONLY: only the tests of the page alone that have this in their name
import { parts } from './parts.mjs';
import { words } from './words.mjs';
import { summary } from './kit.mjs';

await words();
await parts(process.env.RAUM_ONLY);
summary();
