// The engine's host in Chromium with a real server: signing up takes the guest's rows along, two
// people share a space over the stream, what was written offline arrives, keys have copies. The last
// line: `N passed, N failed`.
//   node server.mjs PROGRAM
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { call, launchKept, open, serve, state, until } from './kit.mjs';

const program = process.argv[2];
const scratch = mkdtempSync(join(tmpdir(), 'raum-engine-server-'));
let passed = 0;
let failed = 0;
function check(what, good, detail = '') {
  if (good) passed++;
  else failed++;
  if (!good) console.log(`FAIL ${what}: ${JSON.stringify(detail)}`);
}
const freePort = () => new Promise((resolve) => {
  const probe = createServer().listen(0, '127.0.0.1', () => {
    const { port } = probe.address();
    probe.close(() => resolve(port));
  });
});

const port = await freePort();
let reachable = true;
const open_ = new Set();
/** What is not of the page goes to the server, as if both were one. */
const page = await serve((request, response) => {
  if (!/^\/(api|sync)\//.test(request.url)) return false;
  if (!reachable) {
    request.socket.destroy();
    return true;
  }
  const there = http.request({ port, host: '127.0.0.1', method: request.method, path: request.url,
    headers: request.headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  open_.add(response);
  response.on('close', () => { open_.delete(response); there.destroy(); });
  there.on('error', () => response.destroy());
  request.pipe(there);
  return true;
});
function cut() {
  reachable = false;
  for (const response of open_) response.destroy();
}

const origin = page.address.replace(/\/$/, '');
const child = spawn(program, ['--data', join(scratch, 'data'), 'serve', '--listen',
  `127.0.0.1:${port}`, '--no-limits', '--origin', origin], { stdio: ['ignore', 'pipe', 'ignore'] });
await new Promise((resolve, reject) => {
  child.stdout.on('data', (text) => { if (String(text).includes('listening')) resolve(); });
  child.on('exit', (code) => reject(new Error(`the server ended with ${code}`)));
});
child.removeAllListeners('exit');

const post = (tab, path, body) => tab.evaluate(async ([p, b]) => {
  const answer = await fetch(p, { method: 'POST', headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(b) });
  return { status: answer.status, body: await answer.json().catch(() => null) };
}, [path, body]);
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
  await away(elsewhere.tab);
  await elsewhere.context.close();
  await context.close();
} catch (error) {
  check('the tests run to their end', false, error.stack);
}
child.kill();
page.close();
rmSync(scratch, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
