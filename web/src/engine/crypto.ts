/* XChaCha20-Poly1305 and BLAKE2b by libsodium, at once and without its wrappers' copies; argon2id
 * by its larger build, loaded when a passphrase is there. Both are WebAssembly of their own. */
import sodium from 'libsodium-wrappers';

interface Raw {
  HEAPU8: Uint8Array;
  _malloc(len: number): number;
  _free(at: number): void;
  _crypto_aead_xchacha20poly1305_ietf_encrypt(...args: number[]): number;
  _crypto_aead_xchacha20poly1305_ietf_decrypt(...args: number[]): number;
  _crypto_generichash(...args: number[]): number;
}
interface Stretcher {
  ready: Promise<void>;
  crypto_pwhash(len: number, phrase: Uint8Array, salt: Uint8Array, passes: number, memory: number,
                kind: number): Uint8Array;
  crypto_pwhash_ALG_ARGON2ID13: number;
}

const SCRATCH = 1 << 18;
const KEPT = 256; // nonce, key
const STRETCH_PASSES = 2;
const STRETCH_BYTES = 64 << 20;
const BUSY = -7;

export class Crypto {
  #raw: Raw;
  #kept: number;
  #scratch: number;
  #stretcher: Stretcher | null = null;
  #wanted = false;

  private constructor(raw: Raw) {
    this.#raw = raw;
    this.#kept = raw._malloc(KEPT);
    this.#scratch = raw._malloc(SCRATCH);
  }

  static async start(): Promise<Crypto> {
    await sodium.ready;
    return new Crypto((sodium as unknown as { libsodium: Raw }).libsodium);
  }

  #with<T>(len: number, deed: (at: number) => T): T {
    if (len <= SCRATCH) return deed(this.#scratch);
    const at = this.#raw._malloc(len);
    try {
      return deed(at);
    } finally {
      this.#raw._free(at);
    }
  }

  seal(out: Uint8Array, text: Uint8Array, ad: Uint8Array, nonce: Uint8Array,
       key: Uint8Array): void {
    const raw = this.#raw;
    this.#with(2 * out.length + ad.length, (at) => {
      const adAt = at + text.length;
      const to = adAt + ad.length;
      raw.HEAPU8.set(text, at);
      raw.HEAPU8.set(ad, adAt);
      raw.HEAPU8.set(nonce, this.#kept);
      raw.HEAPU8.set(key, this.#kept + 32);
      raw._crypto_aead_xchacha20poly1305_ietf_encrypt(to, 0, at, text.length, 0, adAt, ad.length, 0,
                                                      0, this.#kept, this.#kept + 32);
      out.set(raw.HEAPU8.subarray(to, to + out.length));
    });
  }

  open(out: Uint8Array, sealed: Uint8Array, ad: Uint8Array, nonce: Uint8Array,
       key: Uint8Array): number {
    const raw = this.#raw;
    return this.#with(2 * sealed.length + ad.length, (at) => {
      const adAt = at + sealed.length;
      const to = adAt + ad.length;
      raw.HEAPU8.set(sealed, at);
      raw.HEAPU8.set(ad, adAt);
      raw.HEAPU8.set(nonce, this.#kept);
      raw.HEAPU8.set(key, this.#kept + 32);
      const code = raw._crypto_aead_xchacha20poly1305_ietf_decrypt(to, 0, 0, at, sealed.length, 0,
        adAt, ad.length, 0, this.#kept, this.#kept + 32);
      if (code === 0) out.set(raw.HEAPU8.subarray(to, to + out.length));
      return code === 0 ? 0 : -1;
    });
  }

  hash(out: Uint8Array, data: Uint8Array, key: Uint8Array | null): void {
    const raw = this.#raw;
    this.#with(data.length, (at) => {
      raw.HEAPU8.set(data, at);
      if (key) raw.HEAPU8.set(key, this.#kept + 32);
      raw._crypto_generichash(this.#kept + 64, out.length, at, data.length, 0,
                              key ? this.#kept + 32 : 0, key ? 32 : 0);
      out.set(raw.HEAPU8.subarray(this.#kept + 64, this.#kept + 64 + out.length));
    });
  }

  stretch(out: Uint8Array, phrase: Uint8Array, salt: Uint8Array): number {
    if (!this.#stretcher) {
      this.#wanted = true;
      return BUSY;
    }
    out.set(this.#stretcher.crypto_pwhash(32, phrase, salt, STRETCH_PASSES, STRETCH_BYTES,
                                          this.#stretcher.crypto_pwhash_ALG_ARGON2ID13));
    return 0;
  }

  get wants(): boolean { return this.#wanted; }

  async fetch(): Promise<void> {
    if (!this.#wanted) return;
    const larger = (await import('libsodium-wrappers-sumo')).default as unknown as Stretcher;
    await larger.ready;
    this.#stretcher = larger;
    this.#wanted = false;
  }
}
