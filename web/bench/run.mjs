// npm run bench: the engine beside Dexie in one Chromium. Ratios count; a busy machine slows both.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const web = join(import.meta.dirname, '..');
process.env.RAUM_PAGE = join(web, '../build-wasm/bench');
const { launchKept, serve } = await import('../tests/engine/kit.mjs');
execFileSync(process.execPath, [join(web, 'node_modules/vite/bin/vite.js'), 'build', '-c',
  join(web, 'bench/vite.config.js')], { stdio: 'ignore' });
const profile = mkdtempSync(join(tmpdir(), 'raum-bench-'));
const server = await serve();
const browser = await launchKept(profile);
try {
  const page = await browser.newPage();
  await page.goto(server.address);
  await page.waitForFunction(() => 'run' in window);
  for (const { what, raum, dexie, ratio, wanted } of await page.evaluate(() => window.run()))
    console.log(`${what.padEnd(46)} ${raum.toFixed(2).padStart(9)} ms  Dexie ` +
      `${dexie.toFixed(2).padStart(9)} ms  ${ratio.toFixed(1).padStart(7)} ×  wanted ${wanted} ×`);
} finally {
  await browser.close();
  server.close();
  rmSync(profile, { recursive: true, force: true });
}
