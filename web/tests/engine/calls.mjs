// The module in Node, over the same files as in the browser: a request that comes again is answered
// and not run, also by the next leader; live queries with parameters; every method of the seam is
// there. The last line: `N passed, N failed`.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Core } from '../../src/engine/core.ts';
import { Crypto } from '../../src/engine/crypto.ts';
import { Files } from '../../src/engine/files.ts';
import { MemoryHandle } from '../../src/engine/stores.ts';

const top = join(import.meta.dirname, '../../..');
let passed = 0;
let failed = 0;
function check(what, good, detail = '') {
  if (good) passed++;
  else failed++;
  if (!good) console.log(`FAIL ${what}: ${JSON.stringify(detail)}`);
}

class Store {
  files = new Map();
  list = async () => [...this.files.keys()];
  open = async (name) => {
    if (!this.files.has(name)) this.files.set(name, new MemoryHandle());
    return this.files.get(name);
  };
  blob = async (name) => {
    const bytes = new Uint8Array(this.files.get(name).size());
    this.files.get(name).read(bytes, 0);
    return bytes;
  };
  remove = async (name) => { this.files.delete(name); };
  readBlob = (blob) => blob;
}
const module = await WebAssembly.compile(readFileSync(join(top, 'build-wasm/raum.wasm')));
const crypto = new Crypto(
  await WebAssembly.compile(readFileSync(join(top, 'build-wasm/sodium.wasm'))));
async function lead(store) {
  const core = await Core.start(module, await Files.start(store), crypto);
  await core.call(0, 'open', {});
  await core.call(1, 'space.where', { active: true });
  return core;
}
const code = (core, ...args) => core.call(...args).then(() => 'fine', (e) => e.code);
const count = async (core) => (await core.call(1, 'query',
  { sql: 'SELECT count(*) AS n FROM tasks' })).value[0].n;

// G-O1: nothing is lost and nothing is done twice when the leader goes before it answered.
async function once() {
  const store = new Store();
  const first = await lead(store);
  const write = { table: 'tasks', fields: { title: 'once' }, request: 'tab.7' };
  const made = (await first.call(1, 'insert', write)).value.id;
  check('again: the same answer', (await first.call(1, 'insert', write)).value.id === made);
  const next = await lead(store); // the first one is dead: it never closed
  check('what was answered is there', await count(next) === 1);
  check('again, to the next leader: the same answer',
        (await next.call(1, 'insert', write)).value.id === made && await count(next) === 1);
  await next.call(1, 'insert', { ...write, request: 'tab.8' });
  check('another request is another row', await count(next) === 2);
  check('one that failed leaves no note', await code(next, 1, 'insert',
    { table: 'tasks', fields: { title: 1 }, request: 'tab.9' }) !== 'fine' &&
    await code(next, 1, 'insert', { table: 'tasks', fields: { title: 'x' }, request: 'tab.9' })
    === 'fine' && await count(next) === 3);
}

async function live() {
  const core = await lead(new Store());
  const open = (watch, sql, params) => core.call(1, 'watch.open', { watch, sql, params });
  await open(1, 'SELECT id, title FROM tasks WHERE title > ? ORDER BY title LIMIT ?', ['b', 2]);
  for (const title of ['a', 'c', 'd', 'e'])
    await core.call(1, 'insert', { table: 'tasks', fields: { title } });
  const [batch] = (await core.call(0, 'poll')).value;
  check('parameters are bound', batch.changes.filter(([k]) => k === 'i')
    .map(([, , row]) => row.title).join() === 'c,d', batch);
  await core.call(1, 'insert', { table: 'tasks', fields: { title: 'cc' } });
  const [next] = (await core.call(0, 'poll')).value;
  check('… in every run', next.changes.map(([k, at, row]) => `${k}${at}${row?.title ?? ''}`)
    .join() === 'd1,i1cc', next);
  check('one too many is refused', await open(2, 'SELECT id FROM tasks', [1])
    .then(() => 'fine', (e) => e.code) === 'USAGE');
  check('two clients have handles of their own', (await core.call(2, 'space.where', {})).value.space
    === null);
}

// Every method that the page may call is one of the module's or of the leader's.
async function seam() {
  const core = await lead(new Store());
  const text = (name) => readFileSync(join(top, 'web/src/engine', name), 'utf8');
  const names = [...text('methods.ts').matchAll(/^ {2}'?([a-z.]+)'?: \{$|^ {2}'?([a-z.]+)'?: \{ args/gm)]
    .map((m) => m[1] ?? m[2]);
  const own = [...text('leader.ts').matchAll(/^ {4}'?([a-z.]+)'?: (async )?\(/gm)].map((m) => m[1]);
  const missing = [];
  for (const name of names) {
    if (own.includes(name)) continue;
    const said = await core.call(3, name, {}).then(() => '', (e) => e.message);
    if (said.startsWith('no such method')) missing.push(name);
  }
  check(`all ${names.length} methods are there`, names.length > 60 && missing.length === 0, missing);
  check('hostile arguments are refused', await code(core, 1, 'insert', { table: 7 }) === 'USAGE' &&
    await code(core, 1, 'garment.add', { photos: ['../../x'] }) === 'USAGE' &&
    await code(core, 1, 'query', { sql: 'ATTACH DATABASE "x" AS y' }) === 'BAD_SQL');
}

// As libsodium's own wrappers have it: 2 passes, 64 MiB.
const stretched = '701a9c2e31793ad5fef819571728a13347badc09070355928085fa9aeca7cd0e';
function vectors() {
  const out = new Uint8Array(32);
  const bytes = (n, from) => Uint8Array.from({ length: n }, (_, i) => i + from);
  const sealed = new Uint8Array(5 + 16);
  crypto.seal(sealed, bytes(5, 1), bytes(7, 9), bytes(24, 0), bytes(32, 100));
  const opened = new Uint8Array(5);
  check('sealed and opened', crypto.open(opened, sealed, bytes(7, 9), bytes(24, 0), bytes(32, 100))
    === 0 && opened.join() === '1,2,3,4,5');
  sealed[3] ^= 1;
  check('altered: not opened', crypto.open(opened, sealed, bytes(7, 9), bytes(24, 0),
                                           bytes(32, 100)) === -1);
  check('argon2id', crypto.stretch(out, bytes(4, 65), bytes(16, 0)) === 0 &&
    Buffer.from(out).toString('hex') === stretched, Buffer.from(out).toString('hex'));
}

await once();
await live();
await seam();
vectors();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
