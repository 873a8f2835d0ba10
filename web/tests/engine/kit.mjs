// The bare page in Debian's Chromium, served with the strict policy that the server uses.
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { chromium } from 'playwright-core';

const root = process.env.RAUM_PAGE ??
  join(import.meta.dirname, '../../../build-wasm/page');
const types = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' };

/** `answer(request, response)`: true if it took the request. */
export async function serve(answer = () => false) {
  const server = createServer((request, response) => {
    if (answer(request, response)) return;
    const path = new URL(request.url, 'http://x').pathname;
    try {
      const body = readFileSync(join(root, path === '/' ? 'index.html' : path));
      response.writeHead(200, { 'Content-Type': types[extname(path) || '.html'],
        'Content-Security-Policy': "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'" });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return { server, address: `http://127.0.0.1:${server.address().port}/`,
    close: () => { server.closeAllConnections(); server.close(); } };
}

/** A browser that keeps what it stores in `profile`. */
export const launchKept = (profile) => chromium.launchPersistentContext(profile,
  { executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'] });

/** A tab whose engine is ready. */
export async function open(context, address) {
  const page = await context.newPage();
  page.on('pageerror', (e) => console.log('page:', e.message));
  await page.goto(address);
  await page.evaluate(() => window.started);
  return page;
}

export const call = (page, method, args = {}) =>
  page.evaluate(([m, a]) => window.engine.call(m, a), [method, args]);
export const state = (page) => page.evaluate(() => {
  let now;
  window.engine.state.subscribe((s) => { now = s; })();
  return now;
});
export async function until(what, test, ms = 5000) {
  for (const end = Date.now() + ms; Date.now() < end;) {
    if (await test()) return true;
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
  return false;
}
