// The tests of the page.   node run.mjs [PROGRAM]     PROGRAM: raum, built with the page
// RAUM_ONLY: only those that have this in their name
import { flows } from './flows.mjs';
import { summary } from './kit.mjs';
import { parts } from './parts.mjs';
import { words } from './words.mjs';

const only = process.env.RAUM_ONLY ?? '';
const program = process.argv[2];
await words();
if (!process.env.RAUM_FLOWS) await parts(only);
if (program) await flows(program, only);
summary();
