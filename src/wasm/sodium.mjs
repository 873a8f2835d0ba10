// Of libsodium's WebAssembly what the engine's host calls, under the names of its C functions.
//   node sodium.mjs MODULE OUT     MODULE: libsodium's, as npm has it, with the bytes as base64
// What is not exported any more, wasm-opt takes away afterwards.
import { readFileSync, writeFileSync } from 'node:fs';

const wanted = ['malloc', 'free', 'crypto_aead_xchacha20poly1305_ietf_encrypt',
  'crypto_aead_xchacha20poly1305_ietf_decrypt', 'crypto_generichash', 'crypto_pwhash'];
const EXPORTS = 7;
const [from, to] = process.argv.slice(2);
const text = readFileSync(from, 'utf8');
const found = (pattern, what) => {
  const match = pattern.exec(text);
  if (!match) throw new Error(`sodium: ${what} is not where it was in ${from}`);
  return match[1];
};
const wasm = Buffer.from(found(/"(AGFzbQ[A-Za-z0-9+/=]+)"/, 'the module'), 'base64');
const names = new Map(wanted.map((name) =>
  [found(new RegExp(`\\._${name}=\\w+\\.(\\w+)[,;]`), name), name]));

let at = 8;
function number() { // LEB128
  for (let value = 0, shift = 0;; shift += 7) {
    const byte = wasm[at++];
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
}
function bytesOf(value) {
  const out = [];
  do {
    out.push(value % 128 | (value >= 128 ? 128 : 0));
    value = Math.floor(value / 128);
  } while (value > 0);
  return Buffer.from(out);
}
const sized = (bytes) => Buffer.concat([bytesOf(bytes.length), bytes]);

/* The memory and ours. */
function exportsOf(end) {
  const kept = [];
  for (let count = number(); count > 0; count--) {
    const length = number();
    const name = wasm.toString('utf8', at, at += length);
    const kind = wasm[at++];
    const index = number();
    const own = kind === 2 ? 'memory' : names.get(name);
    if (own) kept.push(Buffer.concat([sized(Buffer.from(own)), Buffer.from([kind]),
                                      bytesOf(index)]));
  }
  if (at !== end || kept.length !== wanted.length + 1)
    throw new Error(`sodium: ${kept.length - 1} of ${wanted.length} functions are there`);
  return Buffer.concat([bytesOf(kept.length), ...kept]);
}

const parts = [wasm.subarray(0, 8)];
while (at < wasm.length) {
  const start = at;
  const id = wasm[at++];
  const size = number();
  const end = at + size;
  parts.push(id === EXPORTS ? Buffer.concat([Buffer.from([id]), sized(exportsOf(end))])
    : wasm.subarray(start, end));
  at = end;
}
writeFileSync(to, Buffer.concat(parts));
