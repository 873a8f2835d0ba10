/* Where files lie: the origin's private file system, or memory. */
import type { Handle, Store } from './files.ts';

function readBlob(blob: Blob): Uint8Array {
  return new Uint8Array(new FileReaderSync().readAsArrayBuffer(blob));
}

class OpfsHandle implements Handle {
  #handle: FileSystemSyncAccessHandle;
  constructor(handle: FileSystemSyncAccessHandle) {
    this.#handle = handle;
  }
  read(into: Uint8Array, at: number): number {
    return this.#handle.read(into as Uint8Array<ArrayBuffer>, { at });
  }
  write(data: Uint8Array, at: number): number {
    return this.#handle.write(data as Uint8Array<ArrayBuffer>, { at });
  }
  truncate(size: number): void { this.#handle.truncate(size); }
  flush(): void { this.#handle.flush(); }
  size(): number { return this.#handle.getSize(); }
  close(): void { this.#handle.close(); }
}

const FOLDER = 'raum';
const PATIENCE_MS = 5000; // for the handles of a leader that died just now

export class OpfsStore implements Store {
  #folder: FileSystemDirectoryHandle;
  readBlob = readBlob;
  constructor(folder: FileSystemDirectoryHandle) {
    this.#folder = folder;
  }

  static async start(): Promise<OpfsStore> {
    const root = await navigator.storage.getDirectory();
    const store = new OpfsStore(await root.getDirectoryHandle(FOLDER, { create: true }));
    const probe = await store.open('probe'); // private windows may refuse only here
    probe.close();
    await store.remove('probe');
    return store;
  }

  async list(): Promise<string[]> {
    const names: string[] = [];
    for await (const name of this.#folder.keys()) names.push(name);
    return names;
  }

  async open(name: string): Promise<Handle> {
    const file = await this.#folder.getFileHandle(name, { create: true });
    for (const until = Date.now() + PATIENCE_MS;;) {
      try {
        return new OpfsHandle(await file.createSyncAccessHandle());
      } catch (error) {
        const taken = error instanceof DOMException && error.name === 'NoModificationAllowedError';
        if (!taken || Date.now() > until) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  async blob(name: string): Promise<Blob> {
    return (await this.#folder.getFileHandle(name)).getFile();
  }

  async remove(name: string): Promise<void> {
    await this.#folder.removeEntry(name);
  }
}

export class MemoryHandle implements Handle {
  #bytes = new Uint8Array(0);
  #size = 0;
  read(into: Uint8Array, at: number): number {
    const part = this.#bytes.subarray(at, Math.max(at, Math.min(this.#size, at + into.length)));
    into.set(part);
    return part.length;
  }
  write(data: Uint8Array, at: number): number {
    const end = at + data.length;
    if (end > this.#bytes.length) {
      const more = new Uint8Array(Math.max(end, this.#bytes.length * 2, 4096));
      more.set(this.#bytes.subarray(0, this.#size));
      this.#bytes = more;
    }
    this.#bytes.set(data, at);
    this.#size = Math.max(this.#size, end);
    return data.length;
  }
  truncate(size: number): void {
    if (size < this.#size) this.#bytes.fill(0, size, this.#size);
    if (size > this.#bytes.length) this.write(new Uint8Array(size - this.#size), this.#size);
    this.#size = size;
    if (size === 0) this.#bytes = new Uint8Array(0);
  }
  flush(): void {}
  size(): number { return this.#size; }
  close(): void {}
}

/** Nothing of it outlives the worker. */
export class MemoryStore implements Store {
  #files = new Map<string, MemoryHandle>();
  readBlob = readBlob;
  async list(): Promise<string[]> { return [...this.#files.keys()]; }
  async open(name: string): Promise<Handle> {
    let file = this.#files.get(name);
    if (!file) this.#files.set(name, file = new MemoryHandle());
    return file;
  }
  async blob(name: string): Promise<Blob> {
    const file = this.#files.get(name);
    const bytes = new Uint8Array(file?.size() ?? 0);
    file?.read(bytes, 0);
    return new Blob([bytes]);
  }
  async remove(name: string): Promise<void> { this.#files.delete(name); }
}
