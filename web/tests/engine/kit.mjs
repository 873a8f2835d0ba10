// The bare page in Debian's Chromium, served with the strict policy that the server uses.
import { spawn } from 'node:child_process';
import http, { createServer } from 'node:http';
import { createServer as createProbe } from 'node:net';
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

const freePort = () => new Promise((resolve) => {
  const probe = createProbe().listen(0, '127.0.0.1', () => {
    const { port } = probe.address();
    probe.close(() => resolve(port));
  });
});

/** The bare page and a real server behind it, as if both were one. `first(request, response)`: true
 *  if it took the request. */
export async function serveWhole(program, folder, first = () => false) {
  const port = await freePort();
  const open = new Set();
  const page = await serve((request, response) => {
    if (!/^\/(api|sync)\//.test(request.url)) return false;
    if (first(request, response)) return true;
    const there = http.request({ port, host: '127.0.0.1', method: request.method,
      path: request.url, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    open.add(response);
    response.on('close', () => { open.delete(response); there.destroy(); });
    there.on('error', () => response.destroy());
    request.pipe(there);
    return true;
  });
  const child = spawn(program, ['--data', folder, 'serve', '--listen', `127.0.0.1:${port}`,
    '--no-limits', '--origin', page.address.replace(/\/$/, '')],
    { stdio: ['ignore', 'pipe', 'ignore'] });
  await new Promise((resolve, reject) => {
    child.stdout.on('data', (text) => { if (String(text).includes('listening')) resolve(); });
    child.on('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
  child.removeAllListeners('exit');
  return { address: page.address, close: () => { child.kill(); page.close(); },
    /** Ends what is being answered. */
    cut: () => { for (const response of open) response.destroy(); } };
}

export const post = (tab, path, body) => tab.evaluate(async ([p, b]) => {
  const answer = await fetch(p, { method: 'POST', headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(b) });
  return { status: answer.status, body: await answer.json().catch(() => null) };
}, [path, body]);

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
