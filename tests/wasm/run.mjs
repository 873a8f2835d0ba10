// The WebAssembly build: what it asks for, what it weighs, the engine's own tests on it, and that it
// leaves the same state as the native build. The last line: `N passed, N failed`.
//   node run.mjs [NAME…]      NAME: engine/store
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';

const here = dirname(fileURLToPath(import.meta.url));
const top = join(here, '../..');
const build = join(top, 'build-wasm');
const most = 350_000; // bytes of raum.wasm, brotli-compressed
const scratch = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'raum-wasm-'));

// Tests that ask for what is not there: a second connection to a file, which has exactly one here
// (test_random goes on from the state of such a one), modes of files, a shell; and one for SQLite's
// own replace() and sin(), which differ between versions and builds.
const second = 'test_erased_under_a_reader,test_ids_are_not_taken_twice,test_snapshot,' +
  'test_other_process,test_turns,test_deleting_while_read,test_inner_names_G_T3,' +
  'test_schema_change,test_other_handles,test_random,';
const skipped = {
  'engine/keyring': 'test_add,', 'engine/vault': 'test_file_of_before,',
  'engine/fence': 'test_function_list,',
  'media/store': 'test_orphans_are_swept,test_left_lying,', 'engine/fence_same': 'test_functions,',
};

let passed = 0;
let failed = 0;
function check(what, good, detail = '') {
  if (good) passed++;
  else failed++;
  if (!good) console.log(`FAIL ${what}: ${detail}`);
}

function run(program, args, env = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env } });
    let out = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (d) => { out += d; });
    child.on('close', (code) => resolve({ code, out: out.trimEnd() }));
  });
}
// Without the flag Node 22's WASI falls when the memory has grown.
const wasm = (name, args = []) => run(process.execPath, ['--no-turbo-fast-api-calls',
  '--no-warnings', join(here, 'program.mjs'), join(build, 'tests', `${name}.wasm`), ...args],
{ TMPDIR: scratch, RAUM_TEST_TMP: scratch, RAUM_TEST_DATA: join(top, 'tests/data'),
  ...(name === 'engine/model' ? { RAUM_OPS: process.env.RAUM_OPS ?? '500' } : {}),
  RAUM_SKIP: second + (skipped[name] ?? '') });

async function one(name) {
  const { code, out } = await wasm(name);
  const counted = /(\d+) passed, (\d+) failed$/.exec(out);
  check(name, code === 0 && !(counted && Number(counted[2])), out.split('\n').slice(-3).join('\n'));
  if (counted && code === 0) passed += Number(counted[1]) - 1;
}

async function module() {
  const bytes = readFileSync(join(build, 'raum.wasm'));
  const imports = WebAssembly.Module.imports(await WebAssembly.compile(bytes));
  const odd = imports.filter((i) => i.module !== 'host').map((i) => `${i.module}.${i.name}`);
  check('the module asks only its host', odd.length === 0, odd.join());
  const size = brotliCompressSync(bytes).length;
  check(`the module has ${size} bytes of at most ${most}`, size <= most);
  console.log(`raum.wasm: ${bytes.length} bytes, ${size} brotli-compressed`);
}

// G-S8: one log of operations, one state, whatever merges.
async function sameState() {
  const native = join(process.env.BUILD_ASAN ?? join(top, 'build-asan'), 'tests/sync/state_of_log');
  if (!existsSync(native)) return;
  const [a, b, other] = await Promise.all([run(native, ['6']), wasm('sync/state', ['6']),
    wasm('sync/state', ['5'])]);
  check('one log, one state', a.code === 0 && a.out === b.out && /^(\w{32}\n){5}\w{32}$/.test(a.out),
    `native ${a.out}\nwasm ${b.out}`);
  check('another log, another state', other.out !== a.out);
}

try {
  const wanted = process.argv.slice(2);
  const all = readdirSync(join(build, 'tests'), { withFileTypes: true })
    .filter((f) => f.isDirectory() && f.name !== 'obj' && f.name !== 'planted')
    .flatMap((f) => readdirSync(join(build, 'tests', f.name))
      .filter((n) => n.endsWith('.wasm')).map((n) => `${f.name}/${n.slice(0, -5)}`));
  const queue = wanted.length ? wanted : all.filter((n) => n !== 'sync/state');
  if (!wanted.length) {
    await module();
    await sameState();
  }
  const worker = async () => {
    for (let name; (name = queue.pop());) await one(name);
  };
  await Promise.all([worker(), worker()]);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
