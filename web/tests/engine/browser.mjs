// The engine's host in Chromium: tabs, takeover, reloads, switches, pictures. The last line:
// `N passed, N failed`.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { call, launchKept, open, serve, state, until } from './kit.mjs';

const data = join(import.meta.dirname, '../../../tests/data/media');
let passed = 0;
let failed = 0;
function check(what, good, detail = '') {
  if (good) passed++;
  else failed++;
  if (!good) console.log(`FAIL ${what}: ${JSON.stringify(detail)}`);
}

const server = await serve();
async function within(deed) {
  const profile = mkdtempSync(join(tmpdir(), 'raum-engine-'));
  const context = await launchKept(profile);
  try {
    await deed(context, profile);
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
}
const titles = async (page) => (await call(page, 'query',
  { sql: 'SELECT title FROM tasks ORDER BY title' })).map((row) => row.title);
/** Starts `count` inserts, one after the other; what was answered is in window.acked. */
const write = (page, prefix, count) => page.evaluate(([p, n]) => {
  window.acked = [];
  window.writing = (async () => {
    for (let i = 0; i < n; i++) {
      const title = `${p}${String(i).padStart(4, '0')}`;
      await window.engine.call('insert', { table: 'tasks', fields: { title } });
      window.acked.push(title);
    }
  })();
}, [prefix, count]);
const watch = (page, sql) => page.evaluate((text) => {
  window.seen = [];
  window.engine.live(text).subscribe((s) => { window.seen.push(structuredClone(s)); window.last = s; });
}, sql);

// G-O1, G-T2: two tabs are one engine; the leader dies while the other writes.
async function tabs(context) {
  const a = await open(context, server.address);
  const b = await open(context, server.address);
  check('one leads', (await state(a)).role === 'leader');
  check('one follows', (await state(b)).role === 'follower');
  check('on the disk', (await state(b)).storage === 'opfs');
  await watch(b, 'SELECT id, title FROM tasks ORDER BY title');
  await call(a, 'insert', { table: 'tasks', fields: { title: 'from a' } });
  check('a write is seen in the other tab', await until('row', () => b.evaluate(() =>
    window.last?.state === 'rows' && window.last.rows.some((r) => r.title === 'from a'))));
  await write(b, 'b', 200);
  await until('some', () => b.evaluate(() => window.acked.length > 20));
  await a.close(); // without a word
  await b.evaluate(() => window.writing);
  check('the other leads now', (await state(b)).role === 'leader');
  const now = (await titles(b)).filter((t) => t.startsWith('b'));
  check('every write is there once', now.length === 200 && new Set(now).size === 200, now.length);
  check('the live query followed', await until('rows', () => b.evaluate(() =>
    window.last.state === 'rows' && window.last.rows.length === 201)),
  await b.evaluate(() => [window.last.state, window.last.rows?.length]));
  return b;
}

// G-O1: a reload in the middle loses nothing that was answered.
async function reload(page) {
  await write(page, 'r', 1000);
  await until('some', () => page.evaluate(() => window.acked.length > 30));
  const acked = await page.evaluate(() => window.acked.slice());
  await page.reload();
  await page.evaluate(() => window.started);
  const now = new Set(await titles(page));
  const lost = acked.filter((title) => !now.has(title));
  check('what was answered is there after a reload', acked.length > 30 && lost.length === 0, lost);
}

// G-T8: from the switch on no row of the space before is shown.
async function switching(page) {
  const club = await call(page, 'space.create', { name: 'Club', type: 'club' });
  await watch(page, 'SELECT id, title FROM tasks ORDER BY title');
  await until('rows', () => page.evaluate(() => window.last?.state === 'rows'));
  const states = await page.evaluate(async (space) => {
    const from = window.seen.length;
    for (let i = 0; i < 20; i++) {
      const going = window.engine.call('space.use', { space: i % 2 ? 'personal' : space });
      window.seen.push({ state: 'asked', to: i % 2 ? null : space });
      await going;
      await window.engine.call('insert', { table: 'tasks', fields: { title: `in ${i % 2}` } });
    }
    return window.seen.slice(from);
  }, club.id);
  let to;
  let wrong = 0;
  for (const s of states) {
    if (s.state === 'asked') to = s.to;
    else if (s.state === 'rows' && s.rows.some((r) => (r.title === 'in 0') !== (to !== null)))
      wrong++;
  }
  check('a switch shows nothing of the space before', wrong === 0 && states.length > 40,
        [wrong, states.length]);
  check('a tab starts where the device was', (await state(page)).space === '_personal:guest');
  await call(page, 'space.use', { space: club.id });
  check('rows of the other space come', await until('rows', () => page.evaluate(() =>
    window.last.state === 'rows' && window.last.rows.length === 10)));
}

// G-P3: a picture is shown at once, and without what the camera wrote into it.
async function pictures(page) {
  await call(page, 'space.use', { space: 'personal' });
  const bytes = readFileSync(join(data, 'gps.jpg')).toString('base64');
  const added = await page.evaluate(async (text) => {
    const blob = await (await window.fetchless(text));
    return window.engine.media.add(blob, { purpose: 'me', file: 'IMG_at-the_beach.jpg' });
  }, bytes);
  check('a picture is taken in', added.kind === 'reference' && added.width > 0, added);
  const [row] = await call(page, 'query',
    { sql: 'SELECT mediaId, label FROM meImages WHERE id = ?', params: [added.id] });
  check('it has a name', row?.label === 'IMG At The Beach', row);
  const got = await page.evaluate(async (media) => {
    const read = async (variant) => {
      const blob = await window.blobOf(await window.engine.media.url(media, variant));
      return { type: blob.type, text: Array.from(new Uint8Array(await blob.arrayBuffer()),
        (b) => String.fromCharCode(b)).join('') };
    };
    return { thumb: await read('thumb'), original: await read('original') };
  }, row.mediaId);
  check('the original is without place and camera', got.original.text.length > 100 &&
    !/GPS|Canon|Apple|2024:|<x:xmpmeta/.test(got.original.text));
  check('a small one is made', got.thumb.text.startsWith('RIFF') &&
    got.thumb.text.length <= got.original.text.length * 4, got.thumb.text.length);
  await page.reload();
  await page.evaluate(() => window.started);
  const again = await page.evaluate(async (media) =>
    (await window.blobOf(await window.engine.media.url(media, 'thumb'))).size, row.mediaId);
  check('it is there after a reload', again === got.thumb.text.length, again);
  const wrong = await page.evaluate(() => window.engine.media.add(
    new Blob(['<svg xmlns="http://www.w3.org/2000/svg"/>']), { purpose: 'me' })
    .then(() => 'taken', (e) => e.code));
  check('what is no picture is refused', wrong === 'UNSUPPORTED_MEDIA', wrong);
}

// Errors arrive with their code, and a statement cannot leave its space.
async function refusals(page) {
  const code = (method, args) => page.evaluate(([m, a]) => window.engine.call(m, a)
    .then(() => 'fine', (e) => e.code), [method, args]);
  check('no such table', await code('query', { sql: 'SELECT * FROM data_tasks' }) ===
    'UNKNOWN_TABLE');
  check('no such method', await code('drop.all', {}) === 'USAGE');
  check('no such row', await code('delete', { table: 'tasks', id: 'nowhere' }) === 'NOT_FOUND');
  check('a guest has no server', await code('sync.now', {}) === 'fine' &&
    await code('space.refresh', {}) === 'NOT_CONFIGURED');
  const bad = await page.evaluate(() => new Promise((resolve) => {
    window.engine.live('SELECT id FROM nowhere').subscribe((s) => {
      if (s.state !== 'loading') resolve([s.state, s.error?.code]);
    });
  }));
  check('a live query that cannot run says so', bad[0] === 'failed' && bad[1] === 'UNKNOWN_TABLE',
        bad);
}

try {
  await within(async (context) => {
    const page = await tabs(context);
    await reload(page);
    await switching(page);
    await pictures(page);
    await refusals(page);
  });
} catch (error) {
  check('the tests run to their end', false, error.stack);
}
server.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
