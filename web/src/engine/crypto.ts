/* XChaCha20-Poly1305, BLAKE2b and argon2id by libsodium's C functions, cut out of its WebAssembly
 * (src/wasm/sodium.mjs) and called without wrappers' copies. */
interface Raw {
  memory: WebAssembly.Memory;
  malloc(len: number): number;
  free(at: number): void;
  crypto_aead_xchacha20poly1305_ietf_encrypt(...args: number[]): number;
  crypto_aead_xchacha20poly1305_ietf_decrypt(...args: number[]): number;
  crypto_generichash(...args: number[]): number;
  crypto_pwhash(...args: number[]): number;
}

const SCRATCH = 1 << 18;
const KEPT = 256; // nonce, key
const PAGE = 65536;
const STRETCH_PASSES = 2;
const STRETCH_BYTES = 64 << 20;
const ARGON2ID13 = 2;
const NOMEM = -2;

/* What it imports, by the names that its compiler gave: a failed assertion, a random number, an
 * abort, more memory. */
function instance(module: WebAssembly.Module): Raw {
  const broken = () => { throw new WebAssembly.RuntimeError('libsodium gave up'); };
  const grow = (wanted: number): number => {
    const { memory } = raw;
    try {
      memory.grow(Math.ceil(((wanted >>> 0) - memory.buffer.byteLength) / PAGE));
      return 1;
    } catch {
      return 0;
    }
  };
  const random = () => globalThis.crypto.getRandomValues(new Uint32Array(1))[0]!;
  const raw = new WebAssembly.Instance(module, { a: { a: broken, b: random, c: broken, d: grow } })
    .exports as unknown as Raw;
  return raw;
}

export class Crypto {
  #module: WebAssembly.Module;
  #raw: Raw;
  #view: Uint8Array;
  #kept: number;
  #scratch: number;

  constructor(module: WebAssembly.Module) {
    this.#module = module;
    const raw = this.#raw = instance(module);
    this.#view = new Uint8Array(raw.memory.buffer);
    this.#kept = raw.malloc(KEPT);
    this.#scratch = raw.malloc(SCRATCH);
  }

  /* The memory moves when it grows. */
  get #bytes(): Uint8Array {
    if (this.#view.length === 0) this.#view = new Uint8Array(this.#raw.memory.buffer);
    return this.#view;
  }

  #with<T>(len: number, deed: (at: number) => T): T {
    if (len <= SCRATCH) return deed(this.#scratch);
    const at = this.#raw.malloc(len);
    if (!at) throw new RangeError('out of memory');
    try {
      return deed(at);
    } finally {
      this.#raw.free(at);
    }
  }

  seal(out: Uint8Array, text: Uint8Array, ad: Uint8Array, nonce: Uint8Array,
       key: Uint8Array): void {
    const raw = this.#raw;
    this.#with(2 * out.length + ad.length, (at) => {
      const adAt = at + text.length;
      const to = adAt + ad.length;
      this.#bytes.set(text, at);
      this.#bytes.set(ad, adAt);
      this.#bytes.set(nonce, this.#kept);
      this.#bytes.set(key, this.#kept + 32);
      raw.crypto_aead_xchacha20poly1305_ietf_encrypt(to, 0, at, text.length, 0, adAt, ad.length, 0,
                                                      0, this.#kept, this.#kept + 32);
      out.set(this.#bytes.subarray(to, to + out.length));
    });
  }

  open(out: Uint8Array, sealed: Uint8Array, ad: Uint8Array, nonce: Uint8Array,
       key: Uint8Array): number {
    const raw = this.#raw;
    return this.#with(2 * sealed.length + ad.length, (at) => {
      const adAt = at + sealed.length;
      const to = adAt + ad.length;
      this.#bytes.set(sealed, at);
      this.#bytes.set(ad, adAt);
      this.#bytes.set(nonce, this.#kept);
      this.#bytes.set(key, this.#kept + 32);
      const code = raw.crypto_aead_xchacha20poly1305_ietf_decrypt(to, 0, 0, at, sealed.length, 0,
        adAt, ad.length, 0, this.#kept, this.#kept + 32);
      if (code === 0) out.set(this.#bytes.subarray(to, to + out.length));
      return code === 0 ? 0 : -1;
    });
  }

  hash(out: Uint8Array, data: Uint8Array, key: Uint8Array | null): void {
    const raw = this.#raw;
    this.#with(data.length, (at) => {
      this.#bytes.set(data, at);
      if (key) this.#bytes.set(key, this.#kept + 32);
      raw.crypto_generichash(this.#kept + 64, out.length, at, data.length, 0,
                              key ? this.#kept + 32 : 0, key ? 32 : 0);
      out.set(this.#bytes.subarray(this.#kept + 64, this.#kept + 64 + out.length));
    });
  }

  /* In an instance of its own, whose 64 MiB go with it. */
  stretch(out: Uint8Array, phrase: Uint8Array, salt: Uint8Array): number {
    const raw = instance(this.#module);
    const at = raw.malloc(out.length + phrase.length + salt.length);
    const [phraseAt, saltAt] = [at + out.length, at + out.length + phrase.length];
    const before = new Uint8Array(raw.memory.buffer);
    before.set(phrase, phraseAt);
    before.set(salt, saltAt);
    if (raw.crypto_pwhash(at, out.length, 0, phraseAt, phrase.length, 0, saltAt, STRETCH_PASSES, 0,
                          STRETCH_BYTES, ARGON2ID13) !== 0)
      return NOMEM;
    out.set(new Uint8Array(raw.memory.buffer, at, out.length));
    return 0;
  }
}
