// The engine's files in Node, over a store in memory: names survive wherever the journal is cut, and
// what cannot be had at once is asked for. The last line: `N passed, N failed`.
import { Files, readJournal } from '../../src/engine/files.ts';
import { MemoryHandle } from '../../src/engine/stores.ts';

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
  blob = async (name) => bytesOf(this.files.get(name));
  remove = async (name) => { this.files.delete(name); };
  readBlob = (blob) => blob;
  /** As it is now; `cut`: of the journal in use. */
  copy(cut) {
    const other = new Store();
    for (const [name, handle] of this.files) {
      const bytes = bytesOf(handle);
      const keep = cut !== undefined && name.startsWith('names.') && bytes.length > 0
        ? bytes.subarray(0, cut) : bytes;
      const copied = new MemoryHandle();
      copied.write(keep, 0);
      other.files.set(name, copied);
    }
    return other;
  }
}
const bytesOf = (handle) => {
  const bytes = new Uint8Array(handle.size());
  handle.read(bytes, 0);
  return bytes;
};
const text = (t) => new TextEncoder().encode(t);
function read(files, path) {
  const file = files.open(path, 0);
  if (file < 0) return file;
  const bytes = new Uint8Array(files.size(file));
  files.read(file, bytes, 0);
  files.close(file);
  return new TextDecoder().decode(bytes);
}
const journalOf = (store) => ['names.0', 'names.1'].map((n) => bytesOf(store.files.get(n)))
  .find((bytes) => bytes.length > 0);

async function basics() {
  const store = new Store();
  const files = await Files.start(store);
  files.makeFolder('/raum/a');
  const file = files.open('/raum/a/raum.db', 3);
  check('a file is made', file > 0 && files.write(file, text('database'), 0) === 0);
  check('it has its size', files.size(file) === 8 && files.look('/raum/a/raum.db').size === 8);
  files.close(file);
  check('whole files are put', files.put('/raum/a/keys.json', text('one')) === 0 &&
    files.put('/raum/a/keys.json', text('two')) === 0);
  check('absent is absent', files.open('/raum/none', 0) === -34 && files.look('/raum/none') === null);
  check('the folder lists both', files.list('/raum/a').sort().join() === 'fkeys.json,fraum.db',
        files.list('/raum/a'));
  check('a folder that is not empty stays', files.removeFolder('/raum/a') === -14);
  await files.settle();

  const again = await Files.start(store.copy());
  check('the database is there again', read(again, '/raum/a/raum.db') === 'database');
  check('what is not open is asked for', read(again, '/raum/a/keys.json') === -7 && again.wants);
  await again.fetch();
  check('… and then is there', read(again, '/raum/a/keys.json') === 'two');
  check('a folder is renamed', again.rename('/raum/a', '/raum/b') === 0 &&
    read(again, '/raum/b/raum.db') === 'database' && again.list('/raum/a') === null);
  check('a file is removed', again.remove('/raum/b/keys.json') === 0 &&
    again.look('/raum/b/keys.json') === null);
}

// Cut anywhere, what is left is a state that once was.
async function cuts() {
  const store = new Store();
  const files = await Files.start(store);
  const states = [''];
  const say = () => ['a', 'b', 'c'].map((n) => read(files, `/f/${n}`)).join();
  states.push(say());
  for (const [deed, ...args] of [['put', '/f/a', text('1')], ['put', '/f/b', text('2')],
    ['rename', '/f/b', '/f/a'], ['put', '/f/c', text('3')], ['remove', '/f/a'],
    ['rename', '/f/c', '/f/b']]) {
    files[deed](...args);
    states.push(say());
  }
  const whole = journalOf(store).length;
  let odd = 0;
  const met = new Set();
  for (let cut = 0; cut <= whole; cut++) {
    const left = await Files.start(store.copy(cut));
    const ask = () => ['a', 'b', 'c'].map((n) => read(left, `/f/${n}`)).join();
    ask();
    await left.fetch();
    // What was removed later has no bytes any more: only which names there are counts.
    const names = (s) => s.split(',').map((t) => (t === '-34' ? '-' : 'x')).join('');
    met.add(names(ask()));
    if (!states.slice(1).some((s) => names(s) === names(ask()))) odd++;
  }
  check('a journal cut anywhere is a state that was', odd === 0 && met.size > 3, [odd, [...met]]);
  const bad = journalOf(store).slice();
  bad[bad.length - 3] ^= 1;
  check('a damaged line ends the journal', readJournal(bad).lines.length ===
    readJournal(journalOf(store)).lines.length - 1);
}

// Long use: the journal stays small, spares come back, nothing is left over.
async function long() {
  const store = new Store();
  const files = await Files.start(store);
  for (let i = 0; i < 20000; i++) {
    if (files.put(`/f/${i % 7}`, text(String(i))) === -7) {
      await files.fetch();
      files.put(`/f/${i % 7}`, text(String(i)));
    }
    if (i % 5 === 0) await files.settle();
  }
  await files.settle();
  check('the journal stays small', journalOf(store).length < 1_000_000, journalOf(store).length);
  check('no file is left over', store.files.size < 40, store.files.size);
  const again = await Files.start(store.copy());
  read(again, '/f/1');
  await again.fetch();
  check('the newest is there', ['19998', '19999'].includes(read(again, `/f/${19999 % 7}`)));
}

// A store that is full says so and changes nothing.
async function full() {
  const store = new Store();
  const files = await Files.start(store);
  files.put('/f/a', text('before'));
  const write = MemoryHandle.prototype.write;
  MemoryHandle.prototype.write = () => { throw new DOMException('', 'QuotaExceededError'); };
  const code = files.put('/f/a', text('after'));
  MemoryHandle.prototype.write = write;
  check('a full store is told', code === -4 && files.full, code);
  check('… and what was there stays', read(files, '/f/a') === 'before');
}

await basics();
await cuts();
await long();
await full();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
