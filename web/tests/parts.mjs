// The page alone, over a double of the engine: every page in both colours and two widths, hostile
// names, the switch of spaces, keyboard.
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { axe, browser, frames, good, person, same, sample, serve, shots, test } from './kit.mjs';

const hostile = '<img src=x onerror="window.hacked=1">';
const pages = {
  welcome: '/?guest', signup: '/signup', login: '/login', home: '/all', new: '/new',
  today: '/@lena/', pictures: '/@lena/profile/me-images', empty: '/@familie/profile/me-images',
  wardrobe: '/@lena/wardrobe', garment: '/@lena/wardrobe/garments/garment-0',
  outfits: '/@lena/wardrobe/outfits', outfit: '/@lena/wardrobe/outfits/outfit-0',
  people: '/@familie/members', settings: '/settings', devices: '/devices', nowhere: '/@nobody/',
};

function answer(path) {
  const user = (id, name) => ({ id, name, email: `${id}@example.org`, image: null });
  if (path.endsWith('/list-members')) return { members: [
    { id: 'm1', role: 'owner', userId: 'lena', user: user('lena', 'Lena') },
    { id: 'm2', role: 'member', userId: 'mia', user: user('mia', hostile) }] };
  if (path.endsWith('/list-invitations')) return [{ id: 'i', email: 'tom@example.org',
    role: 'member', status: 'pending', expiresAt: '2031-01-01T00:00:00Z' }];
  if (path.endsWith('/list-sessions')) return [{ id: 's', token: 't', createdAt: '2026-01-01',
    userAgent: `Chrome ${hostile}` }];
  if (path.endsWith('/get-session')) return { session: { token: 'x' }, user: user('lena', 'Lena') };
  if (path.endsWith('/list-user-invitations')) return [];
  return undefined;
}

function build() {
  const folder = mkdtempSync(join(tmpdir(), 'raum-page-'));
  execFileSync(process.execPath, ['node_modules/vite/bin/vite.js', 'build', '--config',
    'tests/double/vite.config.js', '--outDir', folder, '--emptyOutDir', '--logLevel', 'error'],
  { cwd: new URL('..', import.meta.url).pathname, stdio: 'inherit' });
  return folder;
}

async function settle(page) {
  await page.waitForFunction(() => document.querySelector('h1, h2')
    && !document.querySelector('[aria-busy="true"]'), null, { timeout: 8000 })
    .catch(() => { throw new Error(`not settled: ${page.url()}`); });
  await page.evaluate(() => document.fonts.ready);
  await page.waitForTimeout(60); // pictures are painted a moment after their frames
}

async function look(chromium, base, theme, width) {
  const locale = theme === 'dark' ? 'de-DE' : 'en-US';
  const { context, page, trouble } = await person(chromium, base, {
    viewport: { width, height: width < 800 ? 740 : 900 }, colorScheme: theme, locale,
    reducedMotion: 'reduce' });
  const found = [];
  for (const [name, path] of Object.entries(pages)) {
    await page.goto(base + path);
    await settle(page);
    await page.screenshot({ path: join(shots, `${name}-${theme}-${width}.png`) });
    for (const one of await axe(page)) found.push(`${name}: ${one}`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (wide > 0) found.push(`${name}: ${wide} pixels too wide`);
    if (await page.evaluate(() => 'hacked' in window || document.querySelector('img[src=x]')))
      found.push(`${name}: a name became markup`);
  }
  await context.close();
  same([...found, ...trouble], [], 'found');
}

async function switching(chromium, base) {
  const { context, page, trouble } = await person(chromium, base);
  await page.goto(`${base}/@lena/profile/me-images`);
  await settle(page);
  await page.evaluate(() => { window.double.delay = 80; });
  await sample(page);
  for (const slug of ['ruderverein', 'familie', 'lena', 'ruderverein', 'lena']) {
    await page.click('[data-switcher]');
    await page.click(`[data-space=${slug}]`);
    await page.waitForTimeout(30); // the query is running still
  }
  await page.click('[data-switcher]');
  await page.click('[data-space=ruderverein]');
  await page.waitForSelector('[data-pool=ruderverein]');
  const seen = await frames(page);
  good(seen.length > 20, `${seen.length} frames`);
  const names = { c: 'Ruderverein', p: 'Personal' };
  for (const frame of seen)
    for (const picture of frame.pictures)
      same(frame.badge, names[picture[0]], `a frame with ${picture}`);
  good(seen.some((frame) => frame.pictures.length === 7), 'the first pool was never seen');
  good(seen.at(-1).pictures.length === 3, 'the last pool is not there');
  await context.close();
  same(trouble, [], 'trouble');
}

/* The sampler notices what it is there for. */
async function planted(chromium, base) {
  const { context, page } = await person(chromium, base);
  await page.goto(`${base}/@lena/profile/me-images`);
  await settle(page);
  await sample(page);
  await page.evaluate(() => new Promise((resolve) => {
    const badge = document.querySelector('[data-space-badge]');
    badge.textContent = 'Ruderverein';
    requestAnimationFrame(() => requestAnimationFrame(resolve));
  }));
  const seen = await frames(page);
  good(seen.some((frame) => frame.badge === 'Ruderverein' && frame.pictures[0]?.startsWith('p')),
    'a planted leak was not seen');
  await context.close();
}

async function keyboard(chromium, base) {
  const { context, page } = await person(chromium, base);
  await page.goto(`${base}/@lena/wardrobe/outfits`);
  await settle(page);
  await page.keyboard.press('Tab');
  same(await page.evaluate(() => document.activeElement?.getAttribute('href')), '#main', 'first');
  await page.focus('[data-switcher]');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  same(await page.evaluate(() => document.activeElement?.dataset.space), 'familie', 'by arrows');
  await page.keyboard.press('Escape');
  good(await page.evaluate(() => 'switcher' in document.activeElement.dataset), 'back by Escape');
  await page.focus('main .button.main');
  await page.keyboard.press('Enter');
  const dialog = page.locator('dialog[open]');
  await dialog.locator('input').first().fill('Regentag');
  for (const n of [0, 1]) {
    await dialog.locator('.pieces button').nth(n).focus();
    await page.keyboard.press('Space');
  }
  same(await dialog.locator('.pieces [aria-pressed=true]').count(), 2, 'chosen');
  same((await axe(page)), [], 'axe in the composer');
  await page.screenshot({ path: join(shots, 'composer-light-1440.png') });
  await dialog.locator('button.main').focus();
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => window.double.calls.some((one) =>
    one.method === 'outfit.create'));
  const made = await page.evaluate(() => window.double.calls.find((one) =>
    one.method === 'outfit.create').args);
  same([made.name, made.garments], ['Regentag', ['garment-0', 'garment-1']], 'made');
  await context.close();
}

/* What waits when somebody leaves the space is not put into the next one. */
async function uploads(chromium, base) {
  const { context, page } = await person(chromium, base);
  await page.goto(`${base}/@lena/profile/me-images`);
  await settle(page);
  await page.evaluate(() => { window.double.delay = 200; });
  const png = Buffer.from('iVBORw0KGgo=', 'base64');
  await page.setInputFiles('.intro input[type=file] >> nth=0',
    [1, 2, 3, 4].map((n) => ({ name: `${n}.png`, mimeType: 'image/png', buffer: png })));
  await page.waitForSelector('[data-upload=busy]');
  await page.click('[data-switcher]');
  await page.click('[data-space=ruderverein]');
  await page.waitForTimeout(900);
  const added = await page.evaluate(() =>
    window.double.calls.filter((one) => one.method === 'media.add').length);
  const told = await page.locator('.toast', { hasText: 'not added' }).innerText();
  same(added + Number(/\d/.exec(told)?.[0]), 4, `${added} were added, and: ${told}`);
  good(added < 4, 'all were added');
  await context.close();
}

async function said(chromium, base) {
  const { context, page } = await person(chromium, base);
  await page.goto(`${base}/@ruderverein/profile/me-images`);
  await settle(page);
  const switches = page.locator('[data-picture] [role=switch]');
  same(await switches.nth(0).isDisabled(), true, "somebody else's consent cannot be given");
  same(await switches.nth(1).isDisabled(), false, 'but taken back');
  await page.evaluate(() => { window.double.fail = 'image.ai'; });
  await switches.nth(1).click();
  await page.waitForSelector('.toast.bad');
  await page.evaluate(() => window.double.state({ sync: { phase: 'offline', pending: 3, parked: 0,
    quarantined: 0, conflicts: 0, coming: 0, uploads: 0, refused: 0 } }));
  good(await page.locator('[data-sync=offline]', { hasText: 'Offline, 3 wait' }).count() >= 1,
    'offline is not said');
  await page.evaluate(() => window.double.state({ notices: ['plain-http'] }));
  await page.waitForSelector('[data-notice=plain-http]');
  // Somebody was removed: the page goes where the engine went, and says so.
  await page.evaluate(() => window.double.state({ space: 'p', spaces: [{ id: 'p', slug: 'lena',
    name: 'Lena', type: 'personal', role: 'owner', offline: false, ready: true }] }));
  await page.waitForURL(`${base}/@lena/profile/me-images`);
  good(await page.locator('.toast', { hasText: 'Ruderverein' }).count() === 1, 'nobody was told');
  await context.close();
}

export async function parts(only = '') {
  const wanted = (what, run) => what.includes(only) ? test(what, run) : undefined;
  const { base, stop } = await serve(build(), answer);
  const chromium = await browser();
  for (const width of [1440, 360]) // two at a time, as most machines have two cores
    await Promise.all(['light', 'dark'].map((theme) =>
      wanted(`every page, ${theme}, ${width} pixels: axe, width, policy, hostile names`,
        () => look(chromium, base, theme, width))));
  await wanted('no frame shows another space\'s picture', () => switching(chromium, base));
  await wanted('a planted leak is seen by the sampler', () => planted(chromium, base));
  await wanted('keyboard: skip link, switcher, composer', () => keyboard(chromium, base));
  await wanted('uploads end with the space they were for', () => uploads(chromium, base));
  await wanted('refusals, states and notices are said', () => said(chromium, base));
  await chromium.close();
  stop();
}
