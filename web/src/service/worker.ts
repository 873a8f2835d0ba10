/* The service worker: what the page is made of, kept for starts without network. Data, pictures and
 * the server's own pages are never touched here: they are the engine's business. */
interface Worker {
  addEventListener(type: 'install' | 'activate', run: (event: Extendable) => void): void;
  addEventListener(type: 'fetch', run: (event: Fetch) => void): void;
  addEventListener(type: 'message', run: (event: MessageEvent) => void): void;
  skipWaiting(): Promise<void>;
  clients: { claim(): Promise<void> };
  location: Location;
}
interface Extendable { waitUntil(promise: Promise<unknown>): void }
interface Fetch extends Extendable {
  request: Request;
  respondWith(answer: Promise<Response>): void;
}
const worker = self as unknown as Worker;

const name = 'raum-__VERSION__';
const files = '__FILES__'.split(' ');
const known = new Set(files);
const app = /^\/(@[^/]+(\/.*)?|home|login|signup|new|settings|devices|accept-invitation)?$/;

async function fill(): Promise<void> {
  const cache = await caches.open(name);
  await cache.addAll(files.map((file) => new Request(file, { cache: 'no-cache' })));
}

async function clear(): Promise<void> {
  for (const key of await caches.keys())
    if (key.startsWith('raum-') && key !== name) await caches.delete(key);
  await worker.clients.claim();
}

async function kept(request: Request, key: string): Promise<Response> {
  const cache = await caches.open(name);
  return await cache.match(key) ?? fetch(request);
}

worker.addEventListener('install', (event) => event.waitUntil(fill()));
worker.addEventListener('activate', (event) => event.waitUntil(clear()));
worker.addEventListener('message', (event) => {
  if (event.data === 'take over') void worker.skipWaiting();
});
worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== worker.location.origin) return;
  if (request.mode === 'navigate') {
    if (app.test(url.pathname)) event.respondWith(kept(request, '/'));
  } else if (known.has(url.pathname)) event.respondWith(kept(request, url.pathname));
});
export {};
