/* The WebAssembly module with its host functions (src/wasm/host.h), and calls into it, one after
 * the other. */
import { EngineError } from './types.ts';
import type { Crypto } from './crypto.ts';
import type { Files } from './files.ts';

interface Exports {
  memory: WebAssembly.Memory;
  _initialize(): void;
  raum_alloc(len: number): number;
  raum_free(at: number): void;
  raum_call(client: number, method: number, methodLen: number, args: number, len: number,
            blob: number, blobLen: number): number;
  raum_answer(): number;
  raum_answer_len(): number;
  raum_bytes(): number;
  raum_bytes_len(): number;
}
export interface Answer<T> { value: T; bytes: Uint8Array }

const TRIES = 100; // of a call that needs something first
const NOT_FOUND = -34;

function hostOf(memory: () => WebAssembly.Memory, files: Files, crypto: Crypto):
    WebAssembly.ModuleImports {
  const bytes = (at: number, len: number) => new Uint8Array(memory().buffer, at, len);
  const text = (at: number, len: number) => new TextDecoder().decode(bytes(at, len));
  return {
    now: () => Date.now(),
    random: (out: number, len: number) => {
      for (let at = 0; at < len; at += 65536)
        globalThis.crypto.getRandomValues(bytes(out + at, Math.min(65536, len - at)));
    },
    seal: (out: number, data: number, len: number, ad: number, adLen: number, nonce: number,
           key: number) =>
      crypto.seal(bytes(out, len + 16), bytes(data, len), bytes(ad, adLen), bytes(nonce, 24),
                  bytes(key, 32)),
    open: (out: number, data: number, len: number, ad: number, adLen: number, nonce: number,
           key: number) =>
      crypto.open(bytes(out, len - 16), bytes(data, len), bytes(ad, adLen), bytes(nonce, 24),
                  bytes(key, 32)),
    hash: (out: number, outLen: number, data: number, len: number, key: number) =>
      crypto.hash(bytes(out, outLen), bytes(data, len), key ? bytes(key, 32) : null),
    stretch: (out: number, phrase: number, len: number, salt: number) =>
      crypto.stretch(bytes(out, 32), bytes(phrase, len), bytes(salt, 16)),

    file_open: (path: number, len: number, flags: number) => files.open(text(path, len), flags),
    file_close: (file: number) => files.close(file),
    file_read: (file: number, out: number, len: number, at: number) =>
      files.read(file, bytes(out, len), at),
    file_write: (file: number, data: number, len: number, at: number) =>
      files.write(file, bytes(data, len), at),
    file_truncate: (file: number, size: number) => files.truncate(file, size),
    file_flush: (file: number) => files.flush(file),
    file_size: (file: number) => files.size(file),

    path_look: (path: number, len: number, out: number) => {
      const look = files.look(text(path, len));
      if (!look) return NOT_FOUND;
      new Float64Array(memory().buffer, out, 2).set([look.size, look.modified]);
      return 0;
    },
    path_remove: (path: number, len: number) => files.remove(text(path, len)),
    path_rename: (from: number, fromLen: number, to: number, toLen: number) =>
      files.rename(text(from, fromLen), text(to, toLen)),
    path_write: (path: number, len: number, data: number, dataLen: number) =>
      files.put(text(path, len), bytes(data, dataLen)),
    folder_make: (path: number, len: number) => files.makeFolder(text(path, len)),
    folder_remove: (path: number, len: number) => files.removeFolder(text(path, len)),
    folder_list: (path: number, len: number, out: number, max: number) => {
      const names = files.list(text(path, len));
      if (!names) return NOT_FOUND;
      const list = new TextEncoder().encode(names.map((name) => `${name}\0`).join(''));
      if (list.length <= max) bytes(out, list.length).set(list);
      return list.length;
    },
  };
}

export class Core {
  files: Files;
  #wasm!: Exports;
  #tail: Promise<unknown> = Promise.resolve();

  private constructor(files: Files) {
    this.files = files;
  }

  static async start(module: WebAssembly.Module, files: Files, crypto: Crypto): Promise<Core> {
    const core = new Core(files);
    const host = hostOf(() => core.#wasm.memory, files, crypto);
    const instance = await WebAssembly.instantiate(module, { host });
    core.#wasm = instance.exports as unknown as Exports;
    core.#wasm._initialize();
    return core;
  }

  #copy(bytes: Uint8Array): number {
    const at = this.#wasm.raum_alloc(bytes.length);
    if (!at) throw new EngineError('NOMEM', 'out of memory');
    new Uint8Array(this.#wasm.memory.buffer, at, bytes.length).set(bytes);
    return at;
  }

  #run(client: number, method: string, args: string, blob: Uint8Array | null):
      { code: number; answer: string; bytes: Uint8Array } {
    const wasm = this.#wasm;
    const encode = new TextEncoder();
    const parts = [encode.encode(method), encode.encode(args), blob ?? new Uint8Array(0)];
    const at = parts.map((part) => this.#copy(part));
    const code = wasm.raum_call(client, at[0]!, parts[0]!.length, at[1]!, parts[1]!.length,
                                blob ? at[2]! : 0, parts[2]!.length);
    for (const part of at) wasm.raum_free(part);
    const take = (from: number, len: number) => new Uint8Array(wasm.memory.buffer, from, len);
    return { code,
      answer: new TextDecoder().decode(take(wasm.raum_answer(), wasm.raum_answer_len())),
      bytes: take(wasm.raum_bytes(), wasm.raum_bytes_len()).slice() };
  }

  async #patiently<T>(client: number, method: string, args: object, blob: Uint8Array | null):
      Promise<Answer<T>> {
    const text = JSON.stringify(args);
    for (let i = 0;; i++) {
      const { code, answer, bytes } = this.#run(client, method, text, blob);
      if (code !== 0 && this.files.wants && i < TRIES) {
        await this.files.fetch();
        continue;
      }
      this.files.forgetWants();
      await this.files.settle();
      const value = JSON.parse(answer) as T & { code: string; message: string };
      if (code !== 0) throw new EngineError(value.code, value.message);
      return { value, bytes };
    }
  }

  /** `blob`: bytes that go with it; bytes may come with the answer, too. */
  call<T>(client: number, method: string, args: object = {}, blob: Uint8Array | null = null):
      Promise<Answer<T>> {
    const result = this.#tail.then(() => this.#patiently<T>(client, method, args, blob));
    this.#tail = result.catch(() => {});
    return result;
  }
}
