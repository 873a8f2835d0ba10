// The engine's host in Chromium with a real server: signing up takes the guest's rows along, two
// people share a space over the stream, what was written offline arrives, keys have copies. The last
// line: `N passed, N failed`.
//   node server.mjs PROGRAM
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { call, launchKept, open, post, serveWhole, state, until } from './kit.mjs';

const program = process.argv[2];
const scratch = mkdtempSync(join(tmpdir(), 'raum-engine-server-'));
let passed = 0;
let failed = 0;
function check(what, good, detail = '') {
  if (good) passed++;
  else failed++;
  if (!good) console.log(`FAIL ${what}: ${JSON.stringify(detail)}`);
}
let reachable = true;
let refuses = null; // what the server says to new pictures
const asked = []; // about pictures
const page = await serveWhole(program, join(scratch, 'data'), (request, response) => {
  if (!reachable) {
    request.socket.destroy();
    return true;
  }
  if (request.url.startsWith('/api/v1/media')) asked.push(`${request.method} ${request.url}`);
  if (!refuses || request.method !== 'POST' || request.url !== '/api/v1/media') return false;
  request.resume();
  response.writeHead(413, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify({ error: refuses }));
  return true;
});
function cut() {
  reachable = false;
  page.cut();
}

const titles = async (tab) => (await call(tab, 'query',
  { sql: 'SELECT title FROM tasks ORDER BY title' })).map((row) => row.title);
const settled = (tab) => until('idle', async () => {
  const { sync } = await state(tab);
  return sync.phase === 'idle' && sync.pending === 0;
}, 15000);

async function signUp(tab, name, take) {
  const up = await post(tab, '/api/auth/sign-up/email',
    { email: `${name}@example.org`, password: 'a long enough password', name });
  check(`${name} signs up`, up.status === 200, up);
  return call(tab, 'account.join', { take });
}

async function taken(context) {
  const tab = await open(context, page.address);
  await call(tab, 'insert', { table: 'tasks', fields: { title: 'as a guest' } });
  check('the guest has data', (await call(tab, 'account.guest')).data === true);
  const joined = await signUp(tab, 'anna', true);
  check('the guest becomes the account', joined.moved === true, joined);
  check('all is sent', await settled(tab), (await state(tab)).sync);
  check('what the guest wrote is there', (await titles(tab)).includes('as a guest'));
  const now = await state(tab);
  check('the personal space is real', now.spaces.length === 1 && !now.space.startsWith('_'), now);
  check('whose it is, is known', now.account?.email === 'anna@example.org', now.account);
  return tab;
}

// The same account elsewhere: sealed titles are readable there, so the key came along.
async function second(profile) {
  const context = await launchKept(profile);
  const tab = await open(context, page.address);
  const signedIn = await post(tab, '/api/auth/sign-in/email',
    { email: 'anna@example.org', password: 'a long enough password' });
  check('anna signs in elsewhere', signedIn.status === 200, signedIn);
  await call(tab, 'account.join', { take: false });
  check('her rows come, readable', await until('rows', async () =>
    (await titles(tab)).includes('as a guest'), 15000), await titles(tab));
  return { context, tab };
}

async function together(anna, other) {
  await anna.evaluate(() => {
    window.engine.live('SELECT id, title FROM tasks ORDER BY title')
      .subscribe((s) => { window.last = s; });
  });
  const start = Date.now();
  await call(other, 'insert', { table: 'tasks', fields: { title: 'from elsewhere' } });
  const seen = await until('row', () => anna.evaluate(() =>
    window.last.state === 'rows' && window.last.rows.some((r) => r.title === 'from elsewhere')), 10000);
  check(`a write is seen elsewhere (${Date.now() - start} ms)`, seen);

  cut();
  await call(other, 'insert', { table: 'tasks', fields: { title: 'offline' } });
  check('offline is said', await until('offline', async () => ['offline', 'waiting'].includes(
    (await state(other)).sync.phase), 10000), (await state(other)).sync);
  const family = await call(other, 'space.create', { name: 'Familie', type: 'family' });
  check('a space is made offline', family.offline === true, family);
  reachable = true;
  await call(other, 'sync.now');
  check('what was written offline arrives', await until('row', () => anna.evaluate(() =>
    window.last.rows?.some((r) => r.title === 'offline')), 20000));
  await call(other, 'sync.now');
  check('the space is made there', await until('real', async () => (await state(other)).spaces.some(
    (s) => s.type === 'family' && !s.offline), 15000), (await state(other)).spaces);
  check('and known elsewhere', await until('space', async () => (await state(anna)).spaces.some(
    (s) => s.type === 'family'), 15000), (await state(anna)).spaces);
}

const data = join(import.meta.dirname, '../../../tests/data/media');
const add = (tab, file) => tab.evaluate(async (text) => window.engine.media.add(
  window.fetchless(text), { purpose: 'me', file: 'photo' }),
  readFileSync(join(data, file)).toString('base64'));
const mediaOf = async (tab, id) => (await call(tab, 'query',
  { sql: 'SELECT mediaId FROM meImages WHERE id = ?', params: [id] }))[0]?.mediaId;
const thumb = (tab, media) => tab.evaluate(async (id) => {
  const blob = await window.blobOf(await window.engine.media.url(id, 'thumb'));
  return blob.size;
}, media).catch(() => 0);
const syncIs = (tab, wanted) => until('so', async () => {
  const { sync } = await state(tab);
  return Object.entries(wanted).every(([key, value]) => sync[key] === value);
}, 15000);

// G-P5, G-O1: bytes go beside the rows; what the server refuses is said with its reason, and can
// be sent again; small ones come without being looked at, and are there without a network.
async function pictures(anna, other) {
  for (const tab of [anna, other]) await call(tab, 'space.use', { space: 'personal' });
  refuses = { code: 'TOO_LARGE', message: 'no more than a stamp' };
  const first = await add(anna, 'gps.png');
  check('a refused picture is counted', await syncIs(anna, { uploads: 0, refused: 1 }),
        (await state(anna)).sync);
  const [refused] = await call(anna, 'upload.refused');
  const media = await mediaOf(anna, first.id);
  check('… with its reason', refused?.code === 'TOO_LARGE' && refused.work === 'send' &&
    refused.note === 'no more than a stamp' && refused.id === media, refused);
  check('its row is elsewhere all the same', await until('row', async () =>
    await mediaOf(other, first.id) === media, 15000));
  refuses = null;
  await call(anna, 'upload.retry');
  check('once more: it is taken', await syncIs(anna, { uploads: 0, refused: 0 }) &&
    (await call(anna, 'upload.refused')).length === 0, (await state(anna)).sync);

  cut();
  const second = await add(anna, 'gps.jpg');
  check('what waits is counted', await syncIs(anna, { uploads: 1, refused: 0 }),
        (await state(anna)).sync);
  reachable = true;
  for (const tab of [anna, other]) await call(tab, 'sync.now');
  check('… and arrives', await syncIs(anna, { uploads: 0, pending: 0 }), (await state(anna)).sync);
  const both = [media, await mediaOf(anna, second.id)];
  const came = (id) => asked.filter((one) => one.startsWith(`GET /api/v1/media/${id}/thumb`));
  check('small ones come by themselves', await until('thumbs', async () => await mediaOf(other,
    second.id) && (await state(other)).sync.phase === 'idle' && both.every((id) =>
    came(id).length > 0), 15000), asked);
  await until('kept', async () => await thumb(other, both[0]) && await thumb(other, both[1]), 15000);
  const before = asked.length;
  cut();
  await other.reload();
  await other.evaluate(() => window.started);
  await call(other, 'space.use', { space: 'personal' });
  const sizes = await Promise.all(both.map((id) => thumb(other, id)));
  check('they are there without a network', sizes.every((size) => size > 0), sizes);
  reachable = true;
  await call(other, 'sync.now');
  check('what is there is not asked for again', await settled(other) &&
    !asked.slice(before).some((one) => one.includes('/thumb')), asked.slice(before));
}

async function away(tab) {
  await post(tab, '/api/auth/sign-out', {});
  await call(tab, 'account.leave', { erase: true });
  const now = await state(tab);
  check('a guest again, with nothing of hers', now.account === null &&
    (await titles(tab)).length === 0, now.account);
}

try {
  const profiles = ['a', 'b'].map((name) => join(scratch, name));
  const context = await launchKept(profiles[0]);
  const anna = await taken(context);
  const elsewhere = await second(profiles[1]);
  await together(anna, elsewhere.tab);
  await pictures(anna, elsewhere.tab);
  await away(elsewhere.tab);
  await elsewhere.context.close();
  await context.close();
} catch (error) {
  check('the tests run to their end', false, error.stack);
}
page.close();
rmSync(scratch, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
