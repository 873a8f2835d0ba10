// `raum serve --auth URL` before something that is no Better Auth server, or is not well: nobody is
// let in, nobody becomes nobody, raum stays up, and it says so in time.
//   node broken_upstream.mjs PROGRAM
import http from 'node:http';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRaum } from './servers.mjs';

let passed = 0;
let failed = 0;
function check(what, good, detail) {
  if (good) passed++;
  else failed++;
  if (!good) console.log(`FAIL ${what}: ${JSON.stringify(detail)}`);
}

const day = 86400e3;
const date = (ms) => new Date(Date.now() + ms).toISOString();
const user = { name: 'a', email: 'a@example.test', emailVerified: true, image: null,
  createdAt: date(-day), updatedAt: date(-day), id: 'u'.repeat(32) };
const session = { expiresAt: date(day), token: 't'.repeat(32), createdAt: date(-day),
  updatedAt: date(-day), ipAddress: '', userAgent: '', userId: user.id,
  activeOrganizationId: null, id: 's'.repeat(32) };
const space = { name: 'F', slug: 'fam', logo: null, createdAt: date(-day),
  metadata: '{"type":"family"}', id: 'o'.repeat(32) };

const json = (value, status = 200) => (response) => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(typeof value === 'string' ? value : JSON.stringify(value));
};
const well = {
  'get-session': json({ session, user }),
  'organization/list': json([space]),
  'organization/get-active-member-role': json({ role: 'owner' }),
};
let answers = well;
let asked = 0;
const fake = http.createServer((request, response) => {
  asked++;
  const path = request.url.split('?')[0].replace('/api/auth/', '');
  const answer = answers[path] ?? answers['*'] ?? json('', 404);
  answer(response, request);
});
await new Promise((resolve) => fake.listen(0, '127.0.0.1', resolve));
const raum = await startRaum({ program: process.argv[2],
  auth: `http://127.0.0.1:${fake.address().port}` });

let tokens = 0;
/** Each with a token of its own, so that nothing is known of it. */
async function ask(path = '/api/v1/spaces', options = {}) {
  const start = Date.now();
  const response = await fetch(`${raum.base}${path}`, { redirect: 'manual', ...options,
    headers: { authorization: `Bearer token-${++tokens}`, ...options.headers } });
  const text = await response.text();
  return { status: response.status, text, took: Date.now() - start, headers: response.headers };
}

async function refused(what, change, expected = 503) {
  answers = { ...well, ...change };
  const got = await ask();
  check(what, got.status === expected, [got.status, got.text]);
}

async function sessions() {
  answers = well;
  const good = await ask();
  check('well', good.status === 200 && good.text.includes('"fam"'), good);
  await refused('null', { 'get-session': json('null') }, 401);
  await refused('no JSON', { 'get-session': json('{"session":') });
  await refused('a web page', { 'get-session': (r) => r.end('<!doctype html>') });
  await refused('nothing', { 'get-session': (r) => r.end() });
  await refused('an array', { 'get-session': json([]) });
  await refused('a session of nobody', { 'get-session': json({ session }) });
  await refused('a user without a session', { 'get-session': json({ user }) });
  await refused('the session of another',
    { 'get-session': json({ session: { ...session, userId: 'x'.repeat(32) }, user }) });
  await refused('types', { 'get-session': json({ session: { ...session, userId: 5 }, user }) });
  await refused('NUL in an id', { 'get-session': json({
    session: { ...session, userId: 'a\0b' }, user: { ...user, id: 'a\0b' } }) });
  await refused('over', { 'get-session': json({
    session: { ...session, expiresAt: date(-1000) }, user }) }, 401);
  await refused('no time', { 'get-session': json({
    session: { ...session, expiresAt: 'tomorrow' }, user }) });
  for (const status of [204, 301, 302, 307, 400, 401, 403, 404, 429, 500, 502])
    await refused(`status ${status}`, { 'get-session': (r) => {
      r.writeHead(status, { location: '/api/auth/get-session' });
      r.end();
    } });
  await refused('deep', { 'get-session': json(`${'['.repeat(5000)}${']'.repeat(5000)}`) });
  await refused('long', { 'get-session': json(`"${'x'.repeat(6 << 20)}"`) });
}

async function organizations() {
  const roles = 'organization/get-active-member-role';
  await refused('a list that is none', { 'organization/list': json('no') });
  await refused('a list that fails', { 'organization/list': json({}, 500) });
  await refused('roles that fail', { [roles]: json({}, 500) });
  answers = { ...well, 'organization/list': json({}, 404) };
  check('no organizations at all', (await ask()).status === 200);
  answers = { ...well, 'organization/list': json([5, null, {}, { ...space, id: 7 },
    { ...space, metadata: '{"type":' }, { ...space, metadata: '{"type":"castle"}' },
    { ...space, metadata: null, slug: 'x' }]) };
  let got = await ask();
  check('a list of nonsense', got.status === 200 && !got.text.includes('"fam"'), got);
  answers = { ...well, 'organization/list': json(Array.from({ length: 400 }, (_, i) =>
    ({ ...space, id: `o${i}`.padEnd(32, 'o'), slug: `fam-${i}` }))) };
  got = await ask();
  check('too many', got.status === 200 && JSON.parse(got.text).spaces.length <= 101, got.status);
  answers = { ...well, [roles]: json({ role: 'owner; DROP TABLE members' }) };
  got = await ask();
  check('an unknown role is the least', got.status === 200 &&
    JSON.parse(got.text).spaces.find((s) => s.slug === 'fam').role === 'member', got);
  answers = { ...well, [roles]: json({ message: 'no' }, 403) };
  got = await ask();
  check('a role refused is no membership', got.status === 200 && !got.text.includes('"fam"'), got);
}

async function connections() {
  await refused('cut off in the head', { 'get-session': (r) => r.socket.destroy() });
  await sleep(1100);
  await refused('cut off in the body', { 'get-session': (r) => {
    r.writeHead(200, { 'content-length': 1000 });
    r.write('{');
    setTimeout(() => r.socket.destroy(), 20);
  } });
  await sleep(1100);
  await refused('many headers', { 'get-session': (r) => {
    for (let i = 0; i < 900; i++) r.setHeader(`x-${i}`, 'y');
    r.end('null');
  } });
  await sleep(1100);
  answers = { 'get-session': () => {} };
  const before = asked;
  const first = await ask();
  check('silence ends in time', first.status === 503 && first.took < 5000, first);
  const second = await ask();
  check('and the next does not wait', second.status === 503 && second.took < 1000 &&
    asked === before + 1, second);
  await sleep(1100);
  answers = well;
  check('and it comes back', (await ask()).status === 200);
}

/** An answer is remembered by what was asked with, all of it. */
async function identities() {
  answers = { ...well, 'get-session': (response, request) =>
    json(/real/.test(request.headers.cookie ?? '') ? { session, user } : 'null')(response) };
  const two = await new Promise((resolve, reject) => {
    const { hostname, port } = new URL(raum.base);
    const socket = net.connect(Number(port), hostname, () => socket.write(
      `GET /api/v1/spaces HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: close\r\n` +
      'Cookie: a.session_token=junk\r\nCookie: a.session_token=real\r\n\r\n'));
    let text = '';
    socket.on('data', (part) => { text += part; });
    socket.on('error', reject);
    socket.on('close', () => resolve(Number(text.split(' ')[1])));
  });
  const junk = await fetch(`${raum.base}/api/v1/spaces`,
    { headers: { cookie: 'a.session_token=junk' } });
  check('a second cookie header lends no session', two !== 200 && junk.status === 401,
    [two, junk.status]);
  // More than are kept: each is asked for, memory stays, and those with a session stay.
  const real = { headers: { cookie: 'a.session_token=real' } };
  check('real', (await fetch(`${raum.base}/api/v1/spaces`, real)).status === 200);
  for (let i = 0; i < 1500; i += 50)
    await Promise.all(Array.from({ length: 50 }, () => ask()));
  check('raum is well after many', (await fetch(`${raum.base}/api/v1/spaces`, real)).status === 200);
}

async function passing() {
  answers = { '*': (r, request) => {
    r.setHeader('set-cookie', ['a=1; Path=/', 'b=2; Path=/']);
    r.setHeader('x-seen', `${request.method} ${request.url}`);
    r.setHeader('x-forwarded', request.headers['x-forwarded-for'] ?? '');
    r.setHeader('access-control-allow-origin', '*');
    r.writeHead(418, { 'content-type': 'text/tea' });
    request.pipe(r);
  } };
  const got = await ask('/api/auth/brew/%7Bpot%7D?x=%26&y', { method: 'PUT', body: 'leaves',
    headers: { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-host': 'evil.example' } });
  check('status and body', got.status === 418 && got.text === 'leaves', got);
  check('path and query', got.headers.get('x-seen') === 'PUT /api/auth/brew/%7Bpot%7D?x=%26&y',
    got.headers.get('x-seen'));
  check('cookies', got.headers.getSetCookie().length === 2, got.headers.getSetCookie());
  check('type', got.headers.get('content-type') === 'text/tea');
  check('CORS is ours', got.headers.get('access-control-allow-origin') !== '*');
  answers = { '*': (r) => {
    r.writeHead(302, { location: '/api/auth/elsewhere' });
    r.end();
  } };
  const moved = await ask('/api/auth/move');
  check('a redirect is passed, not followed', moved.status === 302 &&
    moved.headers.get('location') === '/api/auth/elsewhere', moved.status);
  answers = { '*': json(`"${'x'.repeat(6 << 20)}"`) };
  check('too long to pass', (await ask('/api/auth/long')).status === 503);
}

try {
  await sessions();
  await organizations();
  await connections();
  await identities();
  await passing();
  check('raum is well', (await fetch(`${raum.base}/health`)).status === 200);
} catch (error) {
  check('to the end', false, error.stack);
}
const log = raum.log();
check('no token is in the log', !/token-\d/.test(log));
const code = await raum.stop();
check('raum ended well', code === 0, [code, log.slice(-3000)]);
fake.closeAllConnections();
fake.close();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
