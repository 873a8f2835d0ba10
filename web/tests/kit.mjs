// What the tests of the page share: Chromium, counting, servers, samplers.
import { chromium } from 'playwright-core';
import { createReadStream, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { extname, join, normalize } from 'node:path';

const require = createRequire(import.meta.url);
export const shots = process.env.RAUM_SHOTS ?? join(process.env.TMPDIR ?? '.', 'shots');
mkdirSync(shots, { recursive: true });

let passed = 0;
let failed = 0;
export async function test(what, run) {
  const start = Date.now();
  try {
    await run();
    passed++;
    console.log(`ok    ${((Date.now() - start) / 1000).toFixed(1)}s  ${what}`);
  } catch (error) {
    failed++;
    console.log(`FAIL  ${what}\n${error instanceof Error ? error.stack : error}`);
  }
}
export function summary() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed || !passed ? 1 : 0;
}
export function same(is, wanted, what) {
  const [a, b] = [JSON.stringify(is), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what}: ${a}, not ${b}`);
}
export function good(value, what) {
  if (!value) throw new Error(what);
}

/** The real thing, not a bundled build. */
export function browser() {
  return chromium.launch({
    executablePath: process.env.RAUM_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
}

/** A context in which every request that leaves the origin, every error and every breach of the
 *  policy is written down. */
export async function person(chromiumOf, base, options = {}) {
  const context = await chromiumOf.newContext({
    viewport: { width: 1440, height: 900 }, locale: 'en-US', ...options,
  });
  const trouble = [];
  context.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(base) && !url.startsWith('blob:') && !url.startsWith('data:'))
      trouble.push(`left the origin: ${url}`);
  });
  context.on('page', (page) => {
    page.on('pageerror', (error) => trouble.push(`error: ${error.message}`));
    page.on('console', (message) => {
      const text = message.text();
      if (/Content Security Policy/.test(text)) trouble.push(text);
    });
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15000);
  return { context, page, trouble };
}

const types = {
  '.css': 'text/css', '.html': 'text/html', '.js': 'text/javascript', '.png': 'image/png',
  '.svg': 'image/svg+xml', '.webmanifest': 'application/manifest+json', '.woff2': 'font/woff2',
};
/** The policy that the server sends, read where it is written. */
function policy() {
  const text = readFileSync(new URL('../../src/server/routes/app.c', import.meta.url), 'utf8');
  return [...(/#define POLICY([\s\S]*?)\n\n/.exec(text)?.[1] ?? '').matchAll(/"([^"]*)"/g)]
    .map((part) => part[1]).join('');
}

/** A folder over http, with the server's policy; `answer` for what is asked below /api. */
export async function serve(folder, answer) {
  const csp = policy();
  good(csp.includes("script-src 'self'"), 'no policy was found');
  const server = http.createServer((request, reply) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://x').pathname));
    if (path.startsWith('/api/')) {
      const value = answer(path);
      reply.writeHead(value === undefined ? 404 : 200, { 'content-type': 'application/json' });
      return reply.end(JSON.stringify(value ?? {}));
    }
    let file = join(folder, path);
    if (!existsSync(file) || statSync(file).isDirectory()) file = join(folder, 'index.html');
    reply.writeHead(200, { 'content-type': types[extname(file)] ?? 'application/octet-stream',
                           'content-security-policy': csp });
    return createReadStream(file).pipe(reply);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { base: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}

const axeSource = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
/** Violations of WCAG 2.2 AA and best practice, as text. */
export async function axe(page) {
  await page.evaluate(axeSource);
  return page.evaluate(async () => {
    const found = await globalThis.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    });
    return found.violations.map((one) => `${one.id}: ${one.nodes.map((node) =>
      `${node.target.join(' ')} (${node.failureSummary?.split('\n')[1]?.trim()})`).join('; ')}`);
  });
}

/** Looks at every frame from now on: which space the page names, which pictures it shows. */
export async function sample(page) {
  await page.evaluate(() => {
    const frames = globalThis.frames_seen = [];
    const look = () => {
      frames.push({
        badge: document.querySelector('[data-space-badge]')?.textContent.trim() ?? '',
        path: location.pathname,
        pictures: [...document.querySelectorAll('[data-picture]')]
          .map((one) => one.dataset.picture),
        slots: [...document.querySelectorAll('[data-slot] img')].length,
      });
      requestAnimationFrame(look);
    };
    look();
  });
}
export function frames(page) {
  return page.evaluate(() => globalThis.frames_seen);
}
