// What the module asks of its host (src/wasm/host.h), over Node's files: for tests.
import * as fs from 'node:fs';
import { dirname } from 'node:path';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../src/wasm/package.json', import.meta.url));
export const sodium = require('libsodium-wrappers-sumo');
await sodium.ready;

const NOT_FOUND = -34;
const EXISTS = -14;
const codes = { ENOENT: NOT_FOUND, ENOTDIR: NOT_FOUND, EEXIST: EXISTS, ENOTEMPTY: EXISTS,
  ENOSPC: -4, EROFS: -5, EACCES: -5, EPERM: -5 };
const codeOf = (error) => codes[error.code] ?? -3;
const trying = (what) => {
  try {
    return what() ?? 0;
  } catch (error) {
    return codeOf(error);
  }
};

/** `memory()`: the module's. `changes`: called before each step that changes a file. */
export function nodeHost(memory, { now = Date.now, changes = () => {} } = {}) {
  const bytes = (at, len) => new Uint8Array(memory().buffer, at, len);
  const text = (at, len) => Buffer.from(bytes(at, len)).toString();
  const files = new Map(); // by number
  let next = 1;
  let temporary = 0;
  const ad = (at, len) => bytes(at, len);
  return {
    now,
    random: (out, len) => {
      for (let at = 0; at < len; at += 65536)
        globalThis.crypto.getRandomValues(bytes(out + at, Math.min(65536, len - at)));
    },
    seal: (out, data, len, adAt, adLen, nonce, key) => bytes(out, len + 16).set(
      sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(bytes(data, len).slice(),
        ad(adAt, adLen).slice(), null, bytes(nonce, 24).slice(), bytes(key, 32).slice())),
    open: (out, data, len, adAt, adLen, nonce, key) => {
      try {
        bytes(out, len - 16).set(sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(null,
          bytes(data, len).slice(), ad(adAt, adLen).slice(), bytes(nonce, 24).slice(),
          bytes(key, 32).slice()));
        return 0;
      } catch {
        return -1;
      }
    },
    hash: (out, outLen, data, len, key) => bytes(out, outLen).set(
      sodium.crypto_generichash(outLen, bytes(data, len).slice(),
        key ? bytes(key, 32).slice() : null)),
    stretch: (out, phrase, len, salt) => {
      bytes(out, 32).set(sodium.crypto_pwhash(32, bytes(phrase, len).slice(),
        bytes(salt, 16).slice(), 2, 64 << 20, sodium.crypto_pwhash_ALG_ARGON2ID13));
      return 0;
    },

    file_open: (path, len, flags) => trying(() => {
      const name = text(path, len);
      let mode = flags & 1 ? 'r+' : 'r';
      if (flags & 2 && !fs.existsSync(name)) {
        changes();
        mode = 'w+';
      }
      const fd = fs.openSync(name, mode);
      if (!fs.fstatSync(fd).isFile()) {
        fs.closeSync(fd);
        return -3;
      }
      files.set(next, fd);
      return next++;
    }),
    file_close: (file) => {
      fs.closeSync(files.get(file));
      files.delete(file);
    },
    file_read: (file, out, len, at) => trying(() => {
      let got = 0;
      while (got < len) {
        const n = fs.readSync(files.get(file), bytes(out + got, len - got), 0, len - got, at + got);
        if (n === 0) break;
        got += n;
      }
      return got;
    }),
    file_write: (file, data, len, at) => trying(() => {
      changes();
      fs.writeSync(files.get(file), bytes(data, len), 0, len, at);
    }),
    file_truncate: (file, size) => trying(() => {
      changes();
      fs.ftruncateSync(files.get(file), size);
    }),
    file_flush: () => 0,
    file_size: (file) => trying(() => fs.fstatSync(files.get(file)).size),

    path_look: (path, len, out) => trying(() => {
      const stat = fs.statSync(text(path, len));
      if (!stat.isFile()) return NOT_FOUND;
      new Float64Array(memory().buffer, out, 2).set([stat.size, Math.floor(stat.mtimeMs)]);
    }),
    path_remove: (path, len) => trying(() => {
      changes();
      fs.unlinkSync(text(path, len));
    }),
    path_rename: (from, fromLen, to, toLen) => trying(() => {
      changes();
      fs.renameSync(text(from, fromLen), text(to, toLen));
    }),
    path_write: (path, len, data, dataLen) => trying(() => {
      const name = text(path, len);
      const part = `${dirname(name)}/.part${temporary++}`;
      changes();
      fs.writeFileSync(part, bytes(data, dataLen));
      fs.renameSync(part, name);
    }),
    folder_make: (path, len) => trying(() => {
      fs.mkdirSync(text(path, len), { recursive: true });
    }),
    folder_remove: (path, len) => trying(() => fs.rmdirSync(text(path, len))),
    folder_list: (path, len, out, max) => trying(() => {
      const list = fs.readdirSync(text(path, len), { withFileTypes: true })
        .map((e) => `${e.isDirectory() ? 'd' : 'f'}${e.name}\0`).join('');
      const encoded = Buffer.from(list);
      if (encoded.length <= max) bytes(out, encoded.length).set(encoded);
      return encoded.length;
    }),
  };
}
