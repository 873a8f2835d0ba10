// Runs one of the engine's test programs, compiled to WebAssembly.
//   node program.mjs FILE.wasm [ARGUMENT…]
import { readFileSync } from 'node:fs';
import { WASI } from 'node:wasi';
import { nodeHost } from './host.mjs';

const [file, ...args] = process.argv.slice(2);
const wasi = new WASI({ version: 'preview1', args: [file, ...args], env: process.env,
  preopens: { '/': '/' }, returnOnExit: true });
const host = nodeHost(() => instance.exports.memory);
const { instance } = await WebAssembly.instantiate(readFileSync(file),
  { ...wasi.getImportObject(), host });
process.exitCode = wasi.start(instance);
