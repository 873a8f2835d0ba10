/* The engine's files, with paths and answers at once, over a store that can only open files slowly
 * and by names without meaning. Which file is which stands in a journal of small records; renaming
 * and removing is one record, so it is whole or not at all. Files of the database are kept open;
 * what is written as a whole (pictures, keys) is closed after it was written and read as a blob.
 *
 * What cannot be had at once is `wanted`: the answer is BUSY, the caller awaits `fetch` and asks
 * again. Knows nothing of what is in the files. */

export interface Handle {
  read(into: Uint8Array, at: number): number;
  write(data: Uint8Array, at: number): number;
  truncate(size: number): void;
  flush(): void;
  size(): number;
  close(): void;
}
export interface Store {
  list(): Promise<string[]>;
  /** Made if it is not there. */
  open(name: string): Promise<Handle>;
  blob(name: string): Promise<Blob>;
  remove(name: string): Promise<void>;
  /** All of a blob, at once. */
  readBlob(blob: Blob): Uint8Array;
}

export const NOT_FOUND = -34;
export const EXISTS = -14;
export const IO = -3;
export const FULL = -4;
export const BUSY = -7;
const SPARES = 8;
const JOURNALS = ['names.0', 'names.1'] as const;
const COMPACT = 4096; // records that say nothing any more

interface Entry {
  name: string;
  whole: boolean;
  size: number; // of a whole one
  modified: number;
  handle: Handle | null;
  blob: Blob | null;
  opens: number;
}
type Line = ['g', number, number] | ['+', string, string, boolean, number, number]
  | ['-', string] | ['=', string, string];

function sum(text: string): string {
  let crc = 0xffffffff;
  for (let i = 0; i < text.length; i++) {
    crc ^= text.charCodeAt(i);
    for (let k = 0; k < 8; k++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (~crc >>> 0).toString(16).padStart(8, '0');
}
const lineOf = (line: Line): string => {
  const text = JSON.stringify(line);
  return `${sum(text)} ${text}\n`;
};

/** The lines up to the first that is not whole, and where that is. */
export function readJournal(bytes: Uint8Array): { lines: Line[]; end: number } {
  const lines: Line[] = [];
  let at = 0;
  for (;;) {
    const stop = bytes.indexOf(10, at);
    if (stop < 0) break;
    const text = new TextDecoder().decode(bytes.subarray(at, stop));
    if (text[8] !== ' ' || sum(text.slice(9)) !== text.slice(0, 8)) break;
    lines.push(JSON.parse(text.slice(9)) as Line);
    at = stop + 1;
  }
  return { lines, end: at };
}

const codeOf = (error: unknown): number =>
  error instanceof DOMException && error.name === 'QuotaExceededError' ? FULL : IO;

export class Files {
  #store: Store;
  #entries = new Map<string, Entry>();
  #folders = new Set<string>(['']);
  #spares: { name: string; handle: Handle }[] = [];
  #open = new Map<number, { entry: Entry; bytes: Uint8Array | null }>();
  #next = 1;
  #made = 0;
  #generation = 0;
  #stale = 0;
  #journal!: Handle;
  #other!: Handle;
  #end = 0;
  #wanted = new Set<Entry>();
  #wantSpares = false;
  #away: string[] = []; // names to be removed
  #fresh: Entry[] = []; // whole files that are still open
  /** The last write did not fit. */
  full = false;

  private constructor(store: Store) {
    this.#store = store;
  }

  static async start(store: Store): Promise<Files> {
    const files = new Files(store);
    const names = await store.list();
    await files.#readJournals();
    const used = new Set<string>([...JOURNALS]);
    const hot: Entry[] = [];
    for (const entry of files.#entries.values()) {
      used.add(entry.name);
      if (!entry.whole) hot.push(entry);
    }
    const numbers = [...names, ...used].map((name) => Number(/^f(\d+)$/.exec(name)?.[1] ?? 0));
    files.#made = numbers.reduce((most, one) => Math.max(most, one), 0);
    await Promise.all(hot.map(async (entry) => { entry.handle = await store.open(entry.name); }));
    files.#away = names.filter((name) => !used.has(name));
    files.#wantSpares = true;
    await files.fetch();
    return files;
  }

  async #readJournals(): Promise<void> {
    const handles = await Promise.all(JOURNALS.map((name) => this.#store.open(name)));
    const read = handles.map((handle) => {
      const bytes = new Uint8Array(handle.size());
      handle.read(bytes, 0);
      const { lines, end } = readJournal(bytes);
      const head = lines[0];
      // One that was being written when the tab died has fewer lines than it says.
      const whole = head?.[0] === 'g' && lines.length > head[2];
      return { lines, end, generation: whole ? head[1] : -1 };
    });
    const best = read[1]!.generation > read[0]!.generation ? 1 : 0;
    this.#journal = handles[best]!;
    this.#other = handles[1 - best]!;
    this.#end = read[best]!.end;
    this.#generation = read[best]!.generation;
    if (this.#generation < 0) {
      this.#compact();
      return;
    }
    for (const line of read[best]!.lines) this.#replay(line);
    this.#journal.truncate(this.#end);
  }

  #replay(line: Line): void {
    if (line[0] === '+') {
      this.#put(line[1], { name: line[2], whole: line[3], size: line[4], modified: line[5],
        handle: null, blob: null, opens: 0 });
    } else if (line[0] === '-') {
      this.#entries.delete(line[1]);
      this.#stale++;
    } else if (line[0] === '=') {
      const entry = this.#entries.get(line[1]);
      if (!entry) return;
      this.#entries.delete(line[1]);
      this.#put(line[2], entry);
    }
  }

  #put(path: string, entry: Entry): void {
    if (this.#entries.has(path)) this.#stale++;
    this.#entries.set(path, entry);
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1))
      this.#folders.add(path.slice(0, at));
  }

  /* Anew into the other journal, which counts once it is whole. */
  #compact(): void {
    this.#generation++;
    let text = lineOf(['g', this.#generation, this.#entries.size]);
    for (const [path, e] of this.#entries)
      text += lineOf(['+', path, e.name, e.whole, e.size, e.modified]);
    const bytes = new TextEncoder().encode(text);
    this.#other.truncate(0);
    this.#other.write(bytes, 0);
    this.#other.flush();
    [this.#journal, this.#other] = [this.#other, this.#journal];
    this.#other.truncate(0);
    this.#end = bytes.length;
    this.#stale = 0;
  }

  #log(line: Line): void {
    if (this.#stale > COMPACT + this.#entries.size) this.#compact();
    const bytes = new TextEncoder().encode(lineOf(line));
    this.#journal.write(bytes, this.#end);
    this.#journal.flush();
    this.#end += bytes.length;
  }

  /* ---- what could not be had at once ---- */

  get wants(): boolean {
    return this.#wantSpares || this.#wanted.size > 0;
  }

  forgetWants(): void {
    this.#wanted.clear();
    this.#wantSpares = false;
  }

  async fetch(): Promise<void> {
    // Whoever wants one picture will want the next: all at once.
    if (this.#wanted.size > 0) {
      const cold = [...this.#entries.values()].filter((e) => e.whole && !e.handle && !e.blob);
      await Promise.all(cold.map(async (entry) => {
        entry.blob = await this.#store.blob(entry.name);
      }));
    }
    while (this.#spares.length < SPARES) {
      const name = `f${++this.#made}`;
      const handle = await this.#store.open(name);
      handle.truncate(0);
      this.#spares.push({ name, handle });
    }
    this.forgetWants();
  }

  /** After a call: closes what was written as a whole, fills up what is spare. */
  async settle(): Promise<void> {
    for (const entry of this.#fresh.splice(0)) {
      if (!entry.handle || entry.opens > 0) continue;
      entry.handle.close();
      entry.handle = null;
    }
    const away = this.#away.splice(0);
    await Promise.all(away.map((name) => this.#store.remove(name).catch(() => {})));
    if (this.#spares.length < SPARES / 2) await this.fetch();
  }

  #spare(): { name: string; handle: Handle } | null {
    const spare = this.#spares.pop() ?? null;
    if (!spare) this.#wantSpares = true;
    return spare;
  }

  #drop(entry: Entry): void {
    if (entry.handle && entry.opens === 0 && this.#spares.length < 2 * SPARES) {
      entry.handle.truncate(0);
      this.#spares.push({ name: entry.name, handle: entry.handle });
    } else {
      entry.handle?.close();
      this.#away.push(entry.name);
    }
    entry.handle = null;
    entry.blob = null;
  }

  /* ---- the host's functions ---- */

  open(path: string, flags: number): number {
    let entry = this.#entries.get(path);
    if (!entry && !(flags & 2)) return NOT_FOUND;
    if (!entry) {
      const spare = this.#spare();
      if (!spare) return BUSY;
      entry = { name: spare.name, whole: false, size: 0, modified: Date.now(),
        handle: spare.handle, blob: null, opens: 0 };
      this.#log(['+', path, entry.name, false, 0, entry.modified]);
      this.#put(path, entry);
    }
    if (!entry.handle && !entry.blob) {
      this.#wanted.add(entry);
      return BUSY;
    }
    if (!entry.handle && flags & 1) return IO; // whole files are written as such
    entry.opens++;
    this.#open.set(this.#next, {
      entry, bytes: entry.handle ? null : this.#store.readBlob(entry.blob!),
    });
    return this.#next++;
  }

  close(file: number): void {
    const f = this.#open.get(file);
    if (!f) return;
    f.entry.opens--;
    this.#open.delete(file);
  }

  read(file: number, into: Uint8Array, at: number): number {
    const f = this.#open.get(file)!;
    if (!f.bytes) return f.entry.handle!.read(into, at);
    const part = f.bytes.subarray(at, at + into.length);
    into.set(part);
    return part.length;
  }

  #trying(deed: () => void): number {
    try {
      deed();
      return 0;
    } catch (error) {
      const code = codeOf(error);
      this.full ||= code === FULL;
      return code;
    }
  }

  write(file: number, data: Uint8Array, at: number): number {
    const handle = this.#open.get(file)!.entry.handle;
    if (!handle) return IO;
    return this.#trying(() => {
      if (handle.write(data, at) !== data.length)
        throw new DOMException('short', 'QuotaExceededError');
    });
  }

  truncate(file: number, size: number): number {
    return this.#trying(() => this.#open.get(file)!.entry.handle!.truncate(size));
  }

  flush(file: number): number {
    return this.#trying(() => this.#open.get(file)!.entry.handle!.flush());
  }

  size(file: number): number {
    const f = this.#open.get(file)!;
    return f.bytes ? f.bytes.length : f.entry.handle!.size();
  }

  look(path: string): { size: number; modified: number } | null {
    const entry = this.#entries.get(path);
    if (!entry) return null;
    return { size: entry.whole ? entry.size : entry.handle!.size(), modified: entry.modified };
  }

  remove(path: string): number {
    const entry = this.#entries.get(path);
    if (!entry) return NOT_FOUND;
    return this.#trying(() => {
      this.#log(['-', path]);
      this.#entries.delete(path);
      this.#stale++;
      this.#drop(entry);
    });
  }

  rename(from: string, to: string): number {
    const entry = this.#entries.get(from);
    if (!entry) return this.#renameFolder(from, to);
    return this.#trying(() => {
      const before = this.#entries.get(to);
      this.#log(['=', from, to]);
      this.#entries.delete(from);
      this.#put(to, entry);
      if (before && before !== entry) this.#drop(before);
    });
  }

  /* All of a folder as one new journal: whole or not at all. */
  #renameFolder(from: string, to: string): number {
    if (!this.#folders.has(from)) return NOT_FOUND;
    if ([...this.#entries.keys()].some((path) => path.startsWith(`${to}/`))) return EXISTS;
    const inside = [...this.#entries].filter(([path]) => path.startsWith(`${from}/`));
    const before = { entries: new Map(this.#entries), folders: new Set(this.#folders) };
    const code = this.#trying(() => {
      for (const [path, entry] of inside) {
        this.#entries.delete(path);
        this.#put(to + path.slice(from.length), entry);
      }
      for (const folder of [...this.#folders])
        if (folder === from || folder.startsWith(`${from}/`)) {
          this.#folders.delete(folder);
          this.#folders.add(to + folder.slice(from.length));
        }
      this.#compact();
    });
    if (code) ({ entries: this.#entries, folders: this.#folders } = before);
    return code;
  }

  put(path: string, data: Uint8Array): number {
    const spare = this.#spare();
    if (!spare) return BUSY;
    const code = this.#trying(() => {
      if (spare.handle.write(data, 0) !== data.length)
        throw new DOMException('short', 'QuotaExceededError');
      spare.handle.flush();
      const entry: Entry = { name: spare.name, whole: true, size: data.length,
        modified: Date.now(), handle: spare.handle, blob: null, opens: 0 };
      const before = this.#entries.get(path);
      this.#log(['+', path, entry.name, true, entry.size, entry.modified]);
      this.#put(path, entry);
      this.#fresh.push(entry);
      if (before) this.#drop(before);
    });
    if (code) {
      this.#trying(() => spare.handle.truncate(0));
      this.#spares.push(spare);
    }
    return code;
  }

  makeFolder(path: string): number {
    for (let at = path.length; at > 0; at = path.lastIndexOf('/', at - 1))
      this.#folders.add(path.slice(0, at));
    return 0;
  }

  removeFolder(path: string): number {
    if (!this.#folders.has(path)) return NOT_FOUND;
    const list = this.list(path);
    if (list && list.length > 0) return EXISTS;
    this.#folders.delete(path);
    return 0;
  }

  /** Names with 'd' or 'f' in front. */
  list(path: string): string[] | null {
    if (!this.#folders.has(path)) return null;
    const names = new Set<string>();
    const below = `${path}/`;
    for (const folder of this.#folders)
      if (folder.startsWith(below) && !folder.includes('/', below.length))
        names.add(`d${folder.slice(below.length)}`);
    for (const file of this.#entries.keys())
      if (file.startsWith(below) && !file.includes('/', below.length))
        names.add(`f${file.slice(below.length)}`);
    return [...names];
  }

  /* ---- for the host itself ---- */

  async blob(path: string): Promise<Blob | null> {
    const entry = this.#entries.get(path);
    if (!entry) return null;
    if (!entry.handle) return entry.blob ??= await this.#store.blob(entry.name);
    const bytes = new Uint8Array(entry.handle.size());
    entry.handle.read(bytes, 0);
    return new Blob([bytes]);
  }

  removeAll(prefix: string): void {
    for (const path of [...this.#entries.keys()]) if (path.startsWith(prefix)) this.remove(path);
  }

  closeAll(): void {
    for (const entry of this.#entries.values()) entry.handle?.close();
    for (const spare of this.#spares) spare.handle.close();
    this.#journal.close();
    this.#other.close();
  }
}
