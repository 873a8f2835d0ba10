// `raum serve --auth URL` before a real Better Auth server: what is ended there is refused here
// within five seconds, what is set here arrives there, and when it does not answer nobody is let
// in as nobody.
//   node upstream.mjs PROGRAM
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Person } from './person.mjs';
import { freePort, startRaum, startReal } from './servers.mjs';

const program = process.argv[2];
const worst = 5000; // ms until what was ended there is refused here
let passed = 0;
let failed = 0;

function check(what, good, detail = '', always = false) {
  if (good) passed++;
  else failed++;
  if (!good || always) console.log(`${good ? 'ok  ' : 'FAIL'} ${what}: ${detail}`);
}

// A picture of one pixel.
const pixel = Buffer.from('UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==', 'base64');

const folder = mkdtempSync(join(tmpdir(), 'real-'));
const port = await freePort();
const address = `http://127.0.0.1:${port}`;
let real = await startReal({ base: address, folder });
const realPort = new URL(real.base).port;
const raum = await startRaum({ program, port, auth: real.base });

/** A person at raum, or directly at the real server. */
const at = (name, base) => new Person(name, base, () => {});

/** Raum's own routes, with the person's cookie or a bearer token. */
async function own(person, method, path, { bearer, body, type, json } = {}) {
  const headers = { origin: address };
  if (bearer) headers.authorization = `Bearer ${bearer}`;
  else headers.cookie = person.jar.header();
  if (json) headers['content-type'] = 'application/json';
  if (type) headers['content-type'] = type;
  const response = await fetch(`${address}${path}`, {
    method, headers, body: json ? JSON.stringify(json) : body,
  });
  const text = await response.text();
  return { status: response.status, json: text.startsWith('{') ? JSON.parse(text) : undefined,
    type: response.headers.get('content-type') };
}

/** A stream that a person keeps open: what has come, and whether it was closed. */
async function stream(person) {
  const response = await fetch(`${address}/api/v1/sync/stream`, {
    headers: { cookie: person.jar.header() } });
  const it = { status: response.status, text: '', closed: false };
  (async () => {
    try {
      for await (const part of response.body) it.text += Buffer.from(part).toString();
    } catch { /* as good as an end */ }
    it.closed = true;
  })();
  return it;
}

const spaces = async (person, options) => (await own(person, 'GET', '/api/v1/spaces', options));
const slugs = (answer) => (answer.json?.spaces ?? []).map((s) => s.slug);

/** Asks again and again until it is so. What counts is when the last request began that was still
 * answered as before: a slow machine answers late. The cache is hot all the while. */
async function until(what, probe) {
  const start = Date.now();
  let last = 0;
  for (;;) {
    const began = Date.now() - start;
    if (await probe()) break;
    last = began;
    if (last > 4 * worst) break;
    await sleep(50);
  }
  check(what, last <= worst, `${last} ms`, true);
}

async function signIns(anna, ben, annaThere, benThere) {
  const { error } = await anna.signUp();
  check('sign-up through raum', !error, error && JSON.stringify(error));
  await ben.signUp();
  await annaThere.signIn();
  await benThere.signIn();
  check('get-session through raum', (await anna.client.getSession()).data.user.name === 'anna');
  const out = at('anna', address);
  await out.signIn();
  const { cookies } = await out.raw('POST', '/sign-out', { json: {} });
  check('cookies are passed one by one', cookies.length === 3, cookies.length);
  const wrong = await at('anna', address).signIn({ password: 'not hers at all' });
  check('errors are passed', wrong.error?.code === 'INVALID_EMAIL_OR_PASSWORD');
  check('nobody is nobody', (await spaces(at('x', address))).status === 401);
  check('a token that never was', (await spaces(null, { bearer: 'n'.repeat(32) })).status === 401);
}

async function memberships(anna, ben, annaThere, benThere) {
  const first = await spaces(anna);
  check('a personal space', first.json?.spaces?.length === 1 && first.json.spaces[0].personal,
    JSON.stringify(first));
  const family = (await anna.org.create({ name: 'Family', slug: 'fam',
    metadata: { type: 'family' } })).data;
  await anna.org.create({ name: 'Bare', slug: 'bare' });
  const now = await spaces(anna);
  check('spaces are the organizations with a type', slugs(now).sort().join() === 'anna,fam',
    slugs(now).join());
  const one = now.json.spaces.find((s) => s.id === family.id);
  check('type and role', one?.type === 'family' && one?.role === 'owner');
  check('by bearer', slugs(await spaces(null, { bearer: annaThere.token().raw })).includes('fam'));

  const invite = async (role) => (await annaThere.org.inviteMember({ email: ben.email, role,
    organizationId: family.id })).data.id;
  check('not his yet', !slugs(await spaces(ben)).includes('fam'));
  const open = await stream(ben);
  await benThere.org.acceptInvitation({ invitationId: await invite('member') });
  await until('a membership made there is told', () => open.text.includes('event: space-joined'));
  await until('a membership made there is seen', async () => slugs(await spaces(ben)).includes('fam'));
  const { members } = (await annaThere.org.listMembers({
    query: { organizationId: family.id } })).data;
  const his = members.find((m) => m.user.email === ben.email).id;
  await annaThere.org.updateMemberRole({ memberId: his, role: 'admin', organizationId: family.id });
  const role = async () => (await spaces(ben)).json.spaces.find((s) => s.slug === 'fam')?.role;
  await until('a role changed there is seen', async () => (await role()) === 'admin');
  await annaThere.org.removeMember({ memberIdOrEmail: his, organizationId: family.id });
  await until('a membership ended there closes the stream', () =>
    open.text.includes('event: space-left') && open.closed);
  await until('a membership ended there is refused', async () =>
    !slugs(await spaces(ben)).includes('fam'));

  await benThere.org.acceptInvitation({ invitationId: await invite('member') });
  await until('and made again', async () => slugs(await spaces(ben)).includes('fam'));
  await anna.org.removeMember({ memberIdOrEmail: ben.email, organizationId: family.id });
  check('ended through raum it is refused at once', !slugs(await spaces(ben)).includes('fam'));
  await anna.org.update({ data: { slug: 'fam-2' }, organizationId: family.id });
  check('a slug changed through raum', slugs(await spaces(anna)).includes('fam-2'));
}

async function revocation(ben, benThere) {
  check('before', (await spaces(ben)).status === 200);
  const { data } = await ben.client.getSession();
  const open = await stream(ben);
  await sleep(6000);
  check('a stream stays open', open.status === 200 && !open.closed);
  await benThere.client.revokeSession({ token: data.session.token });
  await until('a session revoked there closes the stream', () => open.closed);
  await until('a session revoked there is refused', async () => (await spaces(ben)).status === 401);
  check('and stays refused', (await spaces(ben)).status === 401);
  await ben.signIn();
  check('signed in again', (await spaces(ben)).status === 200);
  const cookie = ben.jar.header();
  await ben.client.signOut();
  const response = await fetch(`${address}/api/v1/spaces`, { headers: { cookie } });
  check('signed out through raum: refused at once', response.status === 401, response.status);
}

async function pictures(anna, annaThere) {
  const put = await own(anna, 'PUT', '/api/v1/avatar', { body: pixel, type: 'image/webp' });
  check('a picture is taken', put.status === 200, put.status);
  const image = async () => (await annaThere.client.getSession()).data.user.image;
  check('and arrives there', (await image()) === put.json?.image && !!put.json?.image,
    JSON.stringify(await image()));
  const shown = await fetch(put.json?.image ?? address);
  check('and is shown', shown.status === 200 && shown.headers.get('content-type') === 'image/webp');
  const cleared = await own(anna, 'DELETE', '/api/v1/avatar');
  check('and is cleared there', cleared.status === 200 && (await image()) === null);
  check('and no more shown', (await fetch(put.json?.image ?? address)).status === 404);
}

async function offlineSpaces(anna, annaThere) {
  const localId = '_space:01890a5d-ac96-774b-bcce-b302099a8057';
  const json = { localId, name: 'Marke', slug: 'marke', type: 'brand' };
  const made = await own(anna, 'POST', '/api/v1/spaces', { json });
  check('an offline space is made there', made.status === 200 && (await annaThere.org.list()).data
    .some((o) => o.id === made.json?.id && o.slug === 'marke'), JSON.stringify(made));
  const again = await own(anna, 'POST', '/api/v1/spaces', { json });
  check('once', again.json?.id === made.json?.id && (await annaThere.org.list()).data
    .filter((o) => o.name === 'Marke').length === 1);
  check('and is hers', slugs(await spaces(anna)).includes('marke'));
  const other = await own(anna, 'POST', '/api/v1/spaces', { json: { ...json,
    localId: '_space:01890a5d-ac96-774b-bcce-b302099a8058' } });
  check('a taken slug gets a suffix', other.json?.slug === 'marke-2' && other.json?.renamed === true,
    JSON.stringify(other.json));
  const two = Array.from({ length: 2 }, () => own(anna, 'POST', '/api/v1/spaces', { json: { ...json,
    slug: 'twice', localId: '_space:01890a5d-ac96-774b-bcce-b302099a8059' } }));
  const [one, same] = await Promise.all(two);
  check('asked twice at once: one', one.json?.id === same.json?.id && !!one.json?.id &&
    (await annaThere.org.list()).data.filter((o) => o.slug.startsWith('twice')).length === 1);
  const members = await own(anna, 'GET', `/api/v1/spaces/${made.json.id}/members`);
  check('its members are those there', members.json?.members?.length === 1 &&
    members.json.members[0].role === 'owner' && members.json.members[0].name === 'anna',
  JSON.stringify(members.json));
  const path = `/api/v1/spaces/${made.json.id}/delete`;
  check('deleted with its name only', (await own(anna, 'POST', path, { json: {} })).status === 400);
  const deleted = await own(anna, 'POST', path, { json: { name: 'Marke' } });
  check('deleted there', deleted.status === 200 && !(await annaThere.org.list()).data
    .some((o) => o.slug === 'marke'), JSON.stringify(deleted.json));
  check('and here', !slugs(await spaces(anna)).includes('marke'));
  const mine = (await spaces(anna)).json.spaces.find((s) => s.personal);
  const refused = await own(anna, 'POST', `/api/v1/spaces/${mine.id}/delete`,
    { json: { name: mine.name } });
  check('the personal one never', refused.json?.error?.code === 'SPACE_PERSONAL_UNDELETABLE');
}

async function manyAtOnce(anna) {
  const counts = async () => (await (await fetch(`${real.base}/counts`)).json());
  const path = '/api/auth/get-session';
  await sleep(worst);
  const before = (await counts())[path];
  const all = await Promise.all(Array.from({ length: 40 }, () => spaces(anna)));
  check('forty at once', all.every((a) => a.status === 200));
  const asked = (await counts())[path] - before;
  check('ask there once', asked === 1, asked);
}

async function down(anna) {
  await real.stop();
  await sleep(worst);
  const answer = await spaces(anna);
  check('no answer there is 503 here', answer.status === 503, answer.status);
  check('with a code', answer.json?.error?.code === 'UNREACHABLE', JSON.stringify(answer.json));
  const session = await anna.client.getSession();
  check('get-session too, and not null', session.error?.status === 503, JSON.stringify(session));
  check('who shows nothing is nobody', (await spaces(at('x', address))).status === 401);
  check('raum is well', (await fetch(`${address}/health`)).status === 200);
  real = await startReal({ base: address, folder, port: realPort });
  await until('it comes back', async () => (await spaces(anna)).status === 200);
}

async function all() {
  const [anna, ben] = [at('anna', address), at('ben', address)];
  const [annaThere, benThere] = [at('anna', real.base), at('ben', real.base)];
  await signIns(anna, ben, annaThere, benThere);
  await memberships(anna, ben, annaThere, benThere);
  await revocation(ben, benThere);
  await pictures(anna, annaThere);
  await offlineSpaces(anna, annaThere);
  await manyAtOnce(anna);
  await down(anna);
}

try {
  await all();
} catch (error) {
  check('to the end', false, error.stack);
}
const log = raum.log();
const code = await raum.stop();
check('raum ended well', code === 0, `${code}\n${log}`);
await real.stop();
rmSync(folder, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
