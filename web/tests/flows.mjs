// The whole page with the real engine, against a real server, by two people in two browsers.
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { axe, browser, frames, good, person, same, sample, shots, test } from './kit.mjs';

const photo = (name) => join(process.env.RAUM_PHOTOS, name);
const password = 'correct horse battery';
const firstVisitMax = 600_000; // bytes
const backMax = 2000; // ms
const hostile = '<img src=x onerror="window.hacked=1">';

async function start(program) {
  const scratch = mkdtempSync(join(tmpdir(), 'raum-flows-'));
  const server = spawn(program, ['--data', scratch, 'serve', '--listen', '127.0.0.1:0',
    '--no-limits'], { stdio: ['ignore', 'pipe', openSync(join(scratch, 'log'), 'w')] });
  const base = await new Promise((resolve, reject) => {
    let said = '';
    server.stdout.on('data', (text) => {
      said += text;
      const found = /listening on (\S+)/.exec(said);
      if (found) resolve(found[1]);
    });
    server.on('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
  return { base, scratch, async stop() {
    server.removeAllListeners('exit');
    const ended = new Promise((resolve) => server.on('exit', resolve));
    server.kill('SIGTERM');
    await ended;
    rmSync(scratch, { recursive: true, force: true });
  } };
}

/** The link of the newest invitation to an address. */
async function mailed(scratch, email) {
  const folder = join(scratch, 'server', 'outbox');
  for (let tries = 0; tries < 100; tries++, await sleep(50)) {
    const found = readdirSync(folder).sort().reverse()
      .map((name) => readFileSync(join(folder, name), 'utf8'))
      .find((text) => new RegExp(`^To: .*${email}`, 'im').test(text)
        && text.includes('/accept-invitation'));
    const link = found?.match(/https?:\/\/\S*accept-invitation\S*/)?.[0];
    if (link) return link;
  }
  throw new Error(`no invitation for ${email}`);
}

async function enter(page, base, path, who) {
  await page.goto(base + path);
  if (path === '/signup') await page.fill('[name=name]', who.name);
  await page.fill('[name=email]', who.email);
  await page.fill('[name=password]', password);
  await page.click('form .button.main');
}
const inSync = (page) => page.waitForSelector('[data-sync=idle][data-open="0"]',
  { state: 'attached', timeout: 30000 });
const pool = (page, n) => page.waitForFunction((count) =>
  document.querySelectorAll('[data-picture]').length === count, n, { timeout: 20000 });
const shown = (page, n) => page.waitForFunction((count) =>
  [...document.querySelectorAll('[data-picture] img')].filter((one) => one.naturalWidth > 0)
    .length === count, n, { timeout: 20000 });
async function use(page, slug) {
  await page.click('[data-switcher]');
  await page.click(`[data-space="${slug}"]`);
}
const slugs = (page) => page.evaluate(() =>
  [...document.querySelectorAll('[data-space]')].map((one) => one.dataset.space));
const add = (page, names) => page.setInputFiles('.intro input[type=file] >> nth=0',
  names.map(photo));

async function until(test, what) {
  for (let tries = 0; tries < 400; tries++, await sleep(50)) if (test()) return;
  throw new Error(`${what} does not come`);
}

/* ---- a family, from the first visit on ---- */

/* All bytes that a browser that was never here fetches until the page is kept for offline use. */
async function firstVisit(world) {
  const { port, hostname } = new URL(world.base);
  let bytes = 0;
  const between = createServer((socket) => {
    const there = connect(Number(port), hostname);
    there.on('data', (part) => { bytes += part.length; });
    socket.pipe(there).pipe(socket);
    for (const one of [socket, there]) one.on('error', () => { socket.destroy(); there.destroy(); });
  });
  await new Promise((resolve) => between.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${between.address().port}`;
  const { context, page, trouble } = await person(world.chromium, base);
  await page.goto(base);
  await page.waitForSelector('h1');
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.waitForLoadState('networkidle');
  await page.click('.button.plain:has-text("Begin without account")');
  await page.waitForSelector('[data-switcher]');
  console.log(`      ${bytes} bytes`);
  good(bytes > 100_000 && bytes <= firstVisitMax, `${bytes} bytes at the first visit`);
  await context.close();
  between.close();
  same(trouble, [], 'trouble');
}

async function newcomer(world) {
  const { lena, base } = world;
  await lena.page.goto(base);
  await lena.page.waitForSelector('h1');
  await enter(lena.page, base, '/signup', { name: 'Lena', email: 'lena@example.org' });
  await lena.page.waitForURL(`${base}/all`);
  await inSync(lena.page);
  [world.own] = await slugs(lena.page);
  same(world.own, 'lena', 'the server made the space');
  await use(lena.page, world.own);
  await lena.page.click('nav a[href$="profile/me-images"]');
  await lena.page.waitForSelector('[data-pool=empty]');
  await add(lena.page, ['eileen-collins.png', 'photographer.png']);
  await pool(lena.page, 2);
  await shown(lena.page, 2);
  await inSync(lena.page);
}

async function family(world) {
  const { page } = world.lena;
  await page.goto(`${world.base}/new`);
  await page.check('input[value=family]', { force: true });
  await page.fill('form .input', `Familie ${hostile}`);
  await page.click('form .button.main');
  await page.waitForSelector('[data-pool=empty]');
  world.family = decodeURIComponent(/@([^/]+)/.exec(page.url())[1]);
  await page.screenshot({ path: join(shots, 'flow-empty-family.png') });
  await inSync(page);
  good(!await page.evaluate(() => 'hacked' in window), 'a name became markup');
}

/* What is there to be clicked while the page starts is there afterwards: no click is lost. */
async function atOnce(world) {
  const { context, page } = world.lena;
  await page.reload();
  await inSync(page); // the family's space is the server's by now
  await page.goto('about:blank');
  const fresh = await context.newPage(); // leads now
  await fresh.addInitScript(() => {
    globalThis.gone = [];
    new MutationObserver((all) => {
      for (const node of all.flatMap((one) => [...one.removedNodes]))
        if (node instanceof Element)
          globalThis.gone.push(node, ...node.querySelectorAll('a, button, input, select'));
    }).observe(document, { childList: true, subtree: true });
  });
  for (const path of ['/all', `/@${world.own}/`, `/@${world.family}/wardrobe`]) {
    await fresh.goto(world.base + path, { waitUntil: 'commit' });
    await inSync(fresh);
    await fresh.waitForSelector('main h1');
    const gone = await fresh.evaluate(() => globalThis.gone.filter((one) => !one.isConnected
      && one.matches('a, button, input, select')).map((one) => one.outerHTML.slice(0, 120)));
    same(gone, [], `${path}: replaced`);
  }
  await fresh.goto(`${world.base}/@${world.own}/`, { waitUntil: 'commit' });
  await fresh.click('header > nav a[href$="/wardrobe"]'); // as soon as there is one
  await fresh.waitForURL(/\/wardrobe$/);
  await fresh.waitForSelector('header > nav a[href$="/wardrobe"][aria-current=page]');
  await fresh.close();
  await page.goto(`${world.base}/@${world.own}/profile/me-images`);
}

async function backAndForth(world) {
  const { page } = world.lena;
  await use(page, world.own);
  await pool(page, 2);
  await sample(page);
  for (let n = 0; n < 3; n++) {
    await use(page, world.family);
    await page.waitForSelector('[data-pool=empty]');
    await use(page, world.own);
    await pool(page, 2);
  }
  for (let n = 0; n < 6; n++) { // switches faster than queries end
    await use(page, n % 2 ? world.own : world.family);
    await sleep(20 * n);
  }
  await pool(page, 2);
  const seen = await frames(page);
  good(seen.length > 20, `${seen.length} frames`);
  for (const frame of seen.filter((one) => one.badge.startsWith('Familie')))
    same([frame.pictures, frame.slots], [[], 0], 'a frame of the family');
  good(seen.some((one) => one.pictures.length === 2 && one.badge === 'Personal'), 'own pictures');
}

async function offline(world) {
  const { lena, base, chromium } = world;
  await lena.page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await lena.context.setOffline(true);
  await add(lena.page, ['coffee.png']);
  await pool(lena.page, 3);
  await lena.page.reload(); // without network
  await pool(lena.page, 3);
  await shown(lena.page, 3);
  const second = await person(chromium, base);
  await enter(second.page, base, '/login', { email: 'lena@example.org' });
  await second.page.waitForURL(`${base}/all`);
  await second.page.goto(`${base}/@${world.own}/profile/me-images`);
  await pool(second.page, 2);
  await shown(second.page, 2);
  await lena.context.setOffline(false);
  const start = Date.now();
  await pool(second.page, 3);
  const took = Date.now() - start;
  await shown(second.page, 3);
  console.log(`      on the second device after ${took} ms, its picture after ${Date.now() - start} ms`);
  good(took <= backMax, `back after being offline: ${took} ms`);
  same(second.trouble, [], 'trouble');
  await second.context.close();
}

async function consent(world) {
  const { page } = world.lena;
  await page.goto(`${world.base}/@${world.own}/profile/me-images`);
  await pool(page, 3);
  const first = page.locator('[data-picture]').first();
  const id = await first.getAttribute('data-picture');
  same(await first.locator('[role=switch]').getAttribute('aria-checked'), 'false', 'at first');
  await first.locator('[role=switch]').click();
  await page.waitForSelector(`[data-picture="${id}"] [role=switch][aria-checked=true]`);
  await first.locator('.photo').click();
  await page.selectOption('dialog select', 'face');
  await page.fill('dialog .input >> nth=0', hostile);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Escape');
  await page.click(`[data-picture="${id}"] .dot`);
  await page.waitForSelector('[data-slot=face-ref] img');
  await page.click(`[data-picture="${id}"] .bin`);
  await pool(page, 2);
  same(await page.locator('[data-slot=face-ref] img').count(), 0, 'the slot is empty');
  await page.click('.toast .button:has-text("Undo")');
  await pool(page, 3);
  good(!await page.evaluate(() => 'hacked' in window), 'a name became markup');
}

async function invited(world) {
  const { lena, mia, base, scratch } = world;
  await lena.page.goto(`${base}/@${world.family}/members`);
  await lena.page.fill('input[type=email]', 'mia@example.org');
  await lena.page.click('form .button.main');
  const link = await mailed(scratch, 'mia@example.org');
  await mia.page.goto(base + new URL(link).pathname + new URL(link).search);
  await mia.page.waitForSelector('h1'); // signed out
  await mia.page.click('.button.main');
  await mia.page.fill('[name=name]', hostile);
  await mia.page.fill('[name=email]', 'mia@example.org');
  await mia.page.fill('[name=password]', password);
  await mia.page.click('form .button.main');
  await mia.page.waitForURL(new RegExp(`/@${world.family}/`), { timeout: 20000 });
  await mia.page.goto(`${base}/@${world.family}/profile/me-images`);
  await lena.page.goto(`${base}/@${world.family}/profile/me-images`);
  await add(lena.page, ['friends.jpg']);
  await pool(mia.page, 1);
  await shown(mia.page, 1);
  const theirs = mia.page.locator('[data-picture] [role=switch]');
  same(await theirs.isDisabled(), true, "consent to somebody else's picture");
}

async function wardrobe(world) {
  const { page } = world.lena;
  await page.goto(`${world.base}/@${world.family}/wardrobe`);
  await inSync(page);
  await page.waitForSelector('main .button.main');
  await page.setInputFiles('main input[type=file]', [photo('fig.jpg'), photo('drum.jpg')]);
  await page.click('dialog .button.main');
  await page.waitForFunction(() => document.querySelectorAll('[data-garment]').length === 2);
  await page.click('[data-garment] >> nth=0');
  await page.click('.button.main:has-text("Worn today")');
  await page.waitForSelector('.list li');
  await page.goto(`${world.base}/@${world.family}/wardrobe/outfits`);
  await inSync(page);
  await page.click('main .button.main');
  await page.fill('dialog .input >> nth=0', 'Sunday');
  for (const n of [0, 1]) await page.click(`dialog .pieces button >> nth=${n}`);
  await page.click('dialog .button.main');
  await page.waitForURL(/outfits\/./);
  await page.waitForFunction(() => document.querySelectorAll('[data-garment]').length === 2);
  await page.click('.button:has-text("Try on")'); // leads to the pictures that it needs
  await page.waitForSelector('dialog a[href$="me-images"]');
}

async function together(world) {
  const { lena, mia, base } = world;
  await lena.page.goto(`${base}/@${world.family}/`);
  await mia.page.goto(`${base}/@${world.family}/`);
  await lena.page.fill('[data-task-new]', 'Bread, 2 kg');
  await lena.page.keyboard.press('Enter');
  await mia.page.waitForSelector('[data-tasks] li:has-text("Bread, 2 kg")');
  await mia.page.click('[data-tasks] input[type=checkbox]');
  await lena.page.waitForSelector('[data-tasks=empty]');
  await lena.page.goto(`${base}/all`);
  await lena.page.waitForFunction(() => document.querySelectorAll('.strip li').length >= 4);
}

async function middleOfUpload(world) {
  const { lena, base } = world;
  const second = await person(world.chromium, base);
  await enter(second.page, base, '/login', { email: 'lena@example.org' });
  await second.page.waitForURL(`${base}/all`);
  await second.page.goto(`${base}/@${world.own}/profile/me-images`);
  await pool(second.page, 3);
  const asked = [];
  let cut = true;
  await lena.context.route('**/api/v1/media**', (route) => {
    const request = route.request();
    const method = request.method();
    if (method !== 'GET') asked.push([method, Number(request.headers()['upload-offset'] ?? 0)]);
    return method === 'PATCH' && cut ? route.abort() : route.continue();
  });
  await lena.page.goto(`${base}/@${world.own}/profile/me-images`);
  await pool(lena.page, 3);
  await add(lena.page, ['mountains.jpg']);
  await pool(lena.page, 4);
  await until(() => asked.some(([method]) => method === 'PATCH'), 'the second part');
  await pool(second.page, 4); // rows do not wait for it
  await lena.page.reload();
  cut = false;
  const before = asked.length;
  await shown(second.page, 4);
  const after = asked.slice(before);
  same(asked.filter(([method]) => method === 'POST').length, 1, 'it was begun once');
  good(after.some(([method]) => method === 'HEAD'), `asked where it stands: ${after}`);
  const parts = after.filter(([method]) => method === 'PATCH');
  good(parts.length > 0 && parts.every(([, offset]) => offset > 0), `it goes on: ${after}`);
  await inSync(lena.page);
  await lena.context.unroute('**/api/v1/media**');
  await second.context.close();
}

/* A member makes an agent; what it does is seen, taken back, and ends. */
async function agents(world) {
  const { lena, mia, base } = world;
  const { page } = lena;
  await page.goto(`${base}/@${world.family}/`);
  await page.click('nav a[href$="/agents"]');
  await page.waitForSelector('[data-agents] li:has-text("None of yours yet")');
  await page.fill('[name=agent]', hostile);
  await page.uncheck('[name=readonly]');
  await page.click('form .button.main');
  const token = await page.textContent('[data-token]');
  good(/^raum_agent_\S{20,}$/.test(token), `a token: ${token}`);
  await page.mouse.click(5, 5); // beside it
  await page.screenshot({ path: join(shots, 'flow-agent-token.png') });
  same(await page.textContent('[data-token]'), token, 'a click beside the token');
  same(await axe(page), [], 'axe: the token');
  await page.click('dialog .button.main');
  await page.reload();
  await page.waitForSelector('[data-agents] li:has-text("onerror")');
  good(!(await page.content()).includes(token), 'the token is shown again');
  good(!await page.evaluate(() => 'hacked' in window), 'a name became markup');

  same(await tool(base, token, 'todo.create', { title: 'Bread by the agent' }), 200, 'a call');
  await page.waitForSelector('[data-runs] > li:has-text("todo.create") .button');
  await mia.page.goto(`${base}/@${world.family}/`);
  await mia.page.waitForSelector('[data-tasks] li:has-text("Bread by the agent")');
  await looks(page, 'agents', '[data-runs] code');
  await page.click('[data-runs] .button:has-text("Undo")');
  await page.waitForSelector('.toast:has-text("1 entry taken back.")');
  await page.waitForSelector('[data-runs] .tag:has-text("taken back")');
  await mia.page.waitForFunction(() => ![...document.querySelectorAll('[data-tasks] li')]
    .some((one) => one.textContent.includes('Bread by the agent')));

  await mia.page.goto(`${base}/@${world.family}/agents`); // sees what it did, not whose it is
  await mia.page.waitForSelector('[data-runs] li:has-text("todo.create")');
  same(await mia.page.locator('[data-agents] .button').count(), 0, "somebody else's agents");

  await page.click('[data-agents] .button.bad');
  await page.click('dialog .button.bad');
  await page.waitForSelector('[data-agents] li:has-text("None of yours yet")');
  same(await tool(base, token, 'todo.list', {}), 401, 'a call of an ended agent');
}

/* Face and garments come from another device of hers, bytes and all. */
async function tryOn(world) {
  const { page } = world.lena;
  const data = join(world.scratch, 'laptop');
  const run = async (...words) => JSON.parse((await promisify(execFile)(world.program,
    ['--data', data, ...words, '--json'], { env: { ...process.env, RAUM_PASSWORD: password } }))
    .stdout || 'null');
  await run('login', world.base, 'lena@example.org');
  await run('image', 'add', photo('eileen-collins.png'), '--slot', 'face-ref', '--ai');
  await run('garment', 'add', photo('drum.jpg'), '--name', 'Drum', '--category', 'top');
  await run('garment', 'add', photo('coffee.png'), '--name', 'Cup', '--category', 'shoes');
  await run('outfit', 'create', 'Concert', 'Drum', 'Cup');
  await run('sync');
  await page.goto(`${world.base}/@${world.own}/wardrobe/outfits`);
  await page.click('main a:has-text("Concert")');
  await page.click('.button:has-text("Try on")');
  await page.waitForFunction(() => document.querySelectorAll('dialog .sent img').length >= 3);
  await looks(page, 'try-on', 'dialog .sent img');
  await page.fill('dialog .input', 'at the sea');
  await page.click('dialog .button.main');
  await page.waitForFunction(() => document.querySelector('[data-tried] img')?.naturalWidth > 500,
    null, { timeout: 60000 });
  await sleep(300);
  await looks(page, 'tried-on', '[data-tried] img');
  await page.click('dialog .button.main');
  await page.waitForFunction(() => document.querySelectorAll('[data-tries] img').length === 1);
  await inSync(page);
  await run('sync');
  const rows = await run('sql', 'SELECT visibility, generationMode, model, prompt FROM images '
    + 'WHERE wardrobeOutfitId IS NOT NULL');
  same(rows.map((one) => [one.visibility, one.generationMode, one.model]),
    [['private', 'reference', 'collage']], 'one row, which the server made');
  good(/Drum \(top/.test(rows[0].prompt) && rows[0].prompt.endsWith('at the sea'),
    `its prompt: ${rows[0].prompt}`);
}

async function revoked(world) {
  const { lena, mia, base } = world;
  await mia.page.goto(`${base}/@${world.family}/profile/me-images`);
  await pool(mia.page, 1);
  await lena.page.goto(`${base}/@${world.family}/members`);
  await lena.page.click('[data-members] li:has-text("mia@example.org") .button');
  await lena.page.click('dialog .button.bad');
  await mia.page.waitForFunction(() => !document.querySelector('[data-picture]'), null,
    { timeout: 20000 });
  await mia.page.waitForURL((url) => !url.pathname.startsWith(`/@${world.family}/`));
  await mia.page.goto(`${base}/@${world.family}/profile/me-images`);
  await mia.page.waitForSelector('h1:has-text("There is nothing here")');
}

async function guest(world) {
  const { context, page, trouble } = await person(world.chromium, world.base);
  await page.goto(world.base);
  await page.click('.button.plain:has-text("Begin without account")');
  await page.waitForSelector('[data-space]', { state: 'attached' });
  const [own] = await slugs(page);
  await page.goto(`${world.base}/@${own}/`);
  await page.fill('[data-task-new]', 'from before');
  await page.keyboard.press('Enter');
  await page.waitForSelector('[data-tasks] li');
  await enter(page, world.base, '/signup', { name: 'Tom', email: 'tom@example.org' });
  await page.click('.choice >> nth=0'); // take it along
  await page.waitForURL(`${world.base}/all`);
  await page.waitForSelector('.task:has-text("from before")');
  await inSync(page);
  await page.goto(`${world.base}/settings`);
  await page.click('.button:has-text("Sign out")');
  await page.check('dialog input[type=checkbox]');
  await page.click('dialog .button.main');
  await page.waitForSelector('.rooms');
  await context.close();
  same(trouble, [], 'trouble');
}

/** One call of an agent's tool, as a client without a session makes it: the status. */
async function tool(base, token, name, args) {
  const io = 'io.modelcontextprotocol';
  const answer = await fetch(`${base}/mcp`, { method: 'POST', headers: {
    Authorization: `Bearer ${token}`, 'Content-Type': 'application/json',
    Accept: 'application/json, text/event-stream', 'MCP-Protocol-Version': '2026-07-28',
    'Mcp-Method': 'tools/call', 'Mcp-Name': name,
  }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name,
    arguments: args, _meta: { [`${io}/protocolVersion`]: '2026-07-28',
      [`${io}/clientCapabilities`]: {} } } }) });
  await answer.text();
  return answer.status;
}

/** Pictures of the page as it stands, in both themes and widths, without breach of axe's rules. */
async function looks(page, name, there) {
  const found = [];
  for (const [theme, width] of [['light', 1440], ['dark', 1440], ['light', 360], ['dark', 360]]) {
    await page.emulateMedia({ colorScheme: theme });
    await page.setViewportSize({ width, height: 900 });
    await page.waitForSelector(there);
    await sleep(200);
    await page.screenshot({ path: join(shots, `flow-${name}-${theme}-${width}.png`) });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    if (wide > width) found.push(`${name} ${theme} ${width}: scrolls to ${wide}`);
    for (const one of await axe(page)) found.push(`${name} ${theme} ${width}: ${one}`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 1440, height: 900 });
  same(found, [], 'looks');
}

async function pictures(world) {
  const found = [];
  for (const [theme, width] of [['light', 1440], ['dark', 360]]) {
    const { page } = world.lena;
    await page.emulateMedia({ colorScheme: theme });
    await page.setViewportSize({ width, height: 900 });
    for (const [name, path] of [['pictures', `/@${world.own}/profile/me-images`],
      ['home', '/all'], ['wardrobe', `/@${world.family}/wardrobe`]]) {
      await page.goto(world.base + path);
      await page.waitForSelector('main img');
      await sleep(500);
      await page.screenshot({ path: join(shots, `flow-${name}-${theme}-${width}.png`) });
      for (const one of await axe(page)) found.push(`${name} ${theme}: ${one}`);
    }
  }
  same(found, [], 'axe');
}

/** What the pages said when a step failed. */
async function told(world, error) {
  const said = [];
  for (const who of ['lena', 'mia']) {
    const { page } = world[who];
    const toasts = await page.locator('.toast, .note.bad').allInnerTexts().catch(() => []);
    said.push(`${who} at ${page.url()}: ${toasts.join(' | ')}`);
    await page.screenshot({ path: join(shots, `failed-${who}.png`) }).catch(() => undefined);
  }
  const log = readFileSync(join(world.scratch, 'log'), 'utf8').trim().split('\n').slice(-8);
  throw new Error([error.message, ...said, ...log].join('\n'), { cause: error });
}

export async function flows(program, only = '') {
  const server = await start(program);
  const chromium = await browser();
  const world = { base: server.base, scratch: server.scratch, chromium, program,
    lena: await person(chromium, server.base), mia: await person(chromium, server.base) };
  const story = { 'the first visit is small': firstVisit,
    'a newcomer signs up and adds two photographs': newcomer,
    'a family space begins empty': family,
    'what is clicked at once is not replaced': atOnce,
    'back and forth: the pool follows, no frame shows the other': backAndForth,
    'without network, reloaded, and on the second device': offline,
    'consent, slots, delete and undo': consent,
    'an invitation, signed out, to a hostile name': invited,
    'wardrobe, outfit, worn': wardrobe,
    'two people and their tasks': together,
    'a reload in the middle of an upload': middleOfUpload,
    'an agent: made, seen, taken back, ended': agents,
    'trying on: what goes along, the picture, one row': tryOn,
    'the page as it is, axe and pictures': pictures,
    'a removed member sees it go': revoked,
    'a guest takes everything along, and erases': guest };
  for (const [what, run] of Object.entries(story))
    if (what.match(only))
      await test(what, () => run(world).catch((error) => told(world, error)));
  await test('no request left the origin, no script broke, no policy was breached', () =>
    same([...world.lena.trouble, ...world.mia.trouble], [], 'trouble'));
  await chromium.close();
  await server.stop();
}
