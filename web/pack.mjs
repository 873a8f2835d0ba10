// The built page as a C source: every file compressed, by its name.
//   node pack.mjs FOLDER SOURCE
import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';

const [folder, source] = process.argv.slice(2);

function* filesOf(at) {
  for (const name of readdirSync(at).sort()) {
    const path = join(at, name);
    if (statSync(path).isDirectory()) yield* filesOf(path);
    else yield path;
  }
}

function compressed(bytes) {
  return brotliCompressSync(bytes, { params: {
    [constants.BROTLI_PARAM_QUALITY]: 11,
    [constants.BROTLI_PARAM_LGWIN]: 22,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  } });
}

const arrays = [];
const rows = [];
for (const path of filesOf(folder)) {
  const whole = readFileSync(path);
  const packed = compressed(whole);
  arrays.push(`static const unsigned char file_${rows.length}[] = {${packed.join()}};`);
  rows.push(`{"${relative(folder, path)}", file_${rows.length}, ${packed.length}, `
    + `${whole.length}},`);
}
writeFileSync(`${source}.part`, [
  '/* Made by web/pack.mjs. */',
  '#include "server/routes/app.h"',
  ...arrays,
  'const struct app_file app_files[] = {', ...rows, '{NULL, NULL, 0, 0}};', '',
].join('\n'));
renameSync(`${source}.part`, source);
