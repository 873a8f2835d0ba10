// npm run bench: the engine beside Dexie in one Chromium, and what a second device needs to have
// 100,000 rows. Ratios count; a busy machine slows both. RAUM: the program, else build/raum.
//   npm run bench [-- beside | hydrate]
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROWS = 100_000;
const PASSWORD = 'a long enough password';
const HYDRATE_MS = 5000; // ARCHITECTURE, budgets
const web = join(import.meta.dirname, '..');
const program = process.env.RAUM ?? join(web, '../build/raum');
process.env.RAUM_PAGE = join(web, '../build-wasm/bench');
const { call, launchKept, open, post, serve, serveWhole, state, until } =
  await import('../tests/engine/kit.mjs');
execFileSync(process.execPath, [join(web, 'node_modules/vite/bin/vite.js'), 'build', '-c',
  join(web, 'bench/vite.config.js')], { stdio: 'ignore' });
const scratch = mkdtempSync(join(tmpdir(), 'raum-bench-'));

async function beside() {
  const server = await serve();
  const browser = await launchKept(join(scratch, 'beside'));
  try {
    const page = await open(browser, server.address);
    for (const { what, raum, dexie, ratio, wanted } of await page.evaluate(() => window.run()))
      console.log(`${what.padEnd(46)} ${raum.toFixed(2).padStart(9)} ms  Dexie ` +
        `${dexie.toFixed(2).padStart(9)} ms  ${ratio.toFixed(1).padStart(7)} ×  wanted ${wanted} ×`);
  } finally {
    await browser.close();
    server.close();
  }
}

const count = async (page) => (await call(page, 'query',
  { sql: 'SELECT count(*) AS n FROM tasks' }))[0].n;

async function signed(browser, address, path) {
  const page = await open(browser, address);
  const answer = await post(page, path, { email: 'a@example.org', password: PASSWORD, name: 'A' });
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status}`);
  return page;
}

async function fill(address) {
  const browser = await launchKept(join(scratch, 'first'));
  const page = await signed(browser, address, '/api/auth/sign-up/email');
  await call(page, 'account.join', { take: false });
  await page.evaluate((rows) => window.fill(rows), ROWS);
  if (!await until('sent', async () => {
    const { sync } = await state(page);
    return sync.phase === 'idle' && sync.pending === 0;
  }, 600_000)) throw new Error(JSON.stringify((await state(page)).sync));
  await browser.close();
}

/* From signing in on; the page goes on drawing all the while. */
async function hydrate() {
  const server = await serveWhole(program, join(scratch, 'data'));
  try {
    await fill(server.address);
    const browser = await launchKept(join(scratch, 'second'));
    const page = await signed(browser, server.address, '/api/auth/sign-in/email');
    await page.evaluate(() => window.look());
    const start = Date.now();
    await call(page, 'account.join', { take: false });
    if (!await until('rows', async () => await count(page) === ROWS, 600_000))
      throw new Error(`${await count(page)} rows`);
    const took = Date.now() - start;
    const seen = await page.evaluate(() => window.seen());
    console.log(`hydrate ${ROWS} rows ${`${took} ms`.padStart(36)}  wanted ${HYDRATE_MS} ms; main ` +
      `thread: ${seen.long} tasks over 50 ms (longest ${seen.longest.toFixed(0)} ms), ` +
      `${seen.frames} frames, longest gap ${seen.gap.toFixed(0)} ms`);
    await browser.close();
  } finally {
    server.close();
  }
}

try {
  const only = process.argv[2];
  if (only !== 'hydrate') await beside();
  if (only !== 'beside') await hydrate();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
