// The official tus client against `raum serve`: 20 MB over two kills of the server, twenty at once
// within a server's memory, files that are no pictures, a decoder that is killed. Real bytes, real
// processes.
//   node uploads.mjs PROGRAM [--database URL] [--memory]    --memory: measure, too (not sanitized)
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync,
  createReadStream } from 'node:fs';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { crc32, deflateSync } from 'node:zlib';
import * as tus from 'tus-js-client';
import { freePort } from './servers.mjs';

const [program, ...rest] = process.argv.slice(2);
const database = rest.includes('--database') ? rest[rest.indexOf('--database') + 1] : undefined;
const memory = rest.includes('--memory');
const part = 1 << 20;
const size = 20_000_000;
const scratch = mkdtempSync(join(tmpdir(), 'raum-uploads-'));
const port = await freePort();
const base = `http://127.0.0.1:${port}`;

let passed = 0;
let failed = 0;
function check(what, good, detail = '') {
  if (good) passed++;
  else failed++;
  if (!good) console.log(`FAIL ${what}: ${JSON.stringify(detail)}`);
}

/* ---- the server ---- */

let server;
let starts = 0;
async function start() {
  const log = openSync(join(scratch, `log${++starts}`), 'w');
  server = spawn(program, ['--data', join(scratch, 'data'), 'serve', '--listen',
    `127.0.0.1:${port}`, '--no-limits', ...(database ? ['--database', database] : [])],
  { stdio: ['ignore', 'pipe', log] });
  await new Promise((resolve, reject) => {
    server.stdout.on('data', (text) => { if (String(text).includes('listening')) resolve(); });
    server.on('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
  server.removeAllListeners('exit');
}
function kill(signal) {
  return new Promise((resolve) => {
    server.on('exit', resolve);
    server.kill(signal);
  });
}
/** Resident memory in MB: now, or at most. */
const resident = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm')
  .exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1]) / 1024;
const decoders = () => readdirSync(`/proc/${server.pid}/task`).flatMap((thread) =>
  readFileSync(`/proc/${server.pid}/task/${thread}/children`, 'utf8').split(' ').map(Number)
    .filter(Boolean));

/* ---- pictures ---- */

function chunk(type, data) {
  const out = Buffer.alloc(12 + data.length);
  out.writeUInt32BE(data.length, 0);
  out.write(type, 4, 'latin1');
  data.copy(out, 8);
  out.writeUInt32BE(crc32(out.subarray(4, 8 + data.length)), 8 + data.length);
  return out;
}
/** A PNG of noise, which cannot be packed: 3 bytes a pixel, or 6. */
function noise(side, deep = false) {
  const row = (deep ? 6 : 3) * side + 1;
  const head = Buffer.alloc(13);
  head.writeUInt32BE(side, 0);
  head.writeUInt32BE(side, 4);
  head.set([deep ? 16 : 8, 2, 0, 0, 0], 8);
  const rows = randomBytes(row * side);
  for (let y = 0; y < side; y++) rows[y * row] = 0;
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', head),
    chunk('IDAT', deflateSync(rows, { level: 0 })), chunk('IEND', Buffer.alloc(0))]);
}
const side = Math.floor(Math.sqrt(size / 3));

/* ---- asking ---- */

let token;
const signed = () => ({ authorization: `Bearer ${token}` });
const get = (path, headers = {}) => fetch(base + path, { headers: { ...signed(), ...headers } });

function upload(file, length, mediaId, { onPart = () => {}, retryDelays = [50, 100, 200, 400, 800,
  1600, 3200] } = {}) {
  return new Promise((resolve) => {
    let sent = 0;
    let parts = 0;
    const one = new tus.Upload(file, {
      endpoint: `${base}/api/v1/media`,
      headers: signed(),
      metadata: { mediaId, purpose: 'picture', filename: 'not ours.png' },
      chunkSize: part,
      uploadSize: length,
      retryDelays,
      onChunkComplete: (bytes) => { sent += bytes; onPart(++parts, bytes); },
      onError: (error) => resolve({ error: String(error), sent,
        status: error.originalResponse?.getStatus(), body: error.originalResponse?.getBody() }),
      onSuccess: () => resolve({ sent, url: one.url }),
    });
    one.start();
  });
}

await start();
{
  const answer = await fetch(`${base}/api/auth/sign-up/email`, { method: 'POST',
    headers: { 'content-type': 'application/json', origin: base },
    body: JSON.stringify({ email: 'a@example.test', password: 'correct horse', name: 'A' }) });
  token = (await answer.json()).token;
}

/* ---- 20 MB over two kills ---- */

{
  const bytes = noise(side);
  const killed = [];
  const got = await upload(bytes, bytes.length, 'twice-killed', {
    onPart: (n) => {
      if ((n !== 6 && n !== 13) || killed.includes(n)) return;
      killed.push(n);
      kill('SIGKILL').then(start);
    },
  });
  check('20 MB over two kills', !got.error, got);
  check('the server was killed twice', killed.length === 2 && starts === 3, { killed, starts });
  check('nothing acknowledged was sent again', got.sent <= bytes.length + 2 * part, got);
  const whole = await get('/api/v1/media/twice-killed');
  const body = Buffer.from(await whole.arrayBuffer());
  check('it is there', whole.status === 200 && whole.headers.get('content-type') === 'image/png',
    whole.status);
  check('byte for byte', createHash('sha256').update(body).digest('hex')
    === createHash('sha256').update(bytes).digest('hex'), body.length);
  const middle = await get('/api/v1/media/twice-killed', { range: 'bytes=5000000-15000000' });
  check('a range', middle.status === 206
    && bytes.subarray(5000000, 15000001).equals(Buffer.from(await middle.arrayBuffer())));
  for (const [name, most] of [['thumb', 256], ['medium', 1024], ['large', 2048]]) {
    const small = await get(`/api/v1/media/twice-killed/${name}`);
    const data = Buffer.from(await small.arrayBuffer());
    check(name, small.status === 200 && data.toString('latin1', 8, 12) === 'WEBP'
      && data.length < most * most * 3, small.status);
  }
  check('nobody else', (await fetch(`${base}/api/v1/media/twice-killed`)).status === 401);
  check('parts of more than 1 MiB are refused', (await fetch(`${base}/api/v1/media`, {
    method: 'POST', headers: { ...signed(), 'tus-resumable': '1.0.0', 'upload-length': '3000000',
      'content-type': 'application/offset+octet-stream', 'upload-metadata':
      `mediaId ${btoa('large-part')},purpose ${btoa('me')}` },
    body: Buffer.alloc(part + 1) })).status === 413);
}

/* ---- what is no picture ---- */

{
  const png = noise(64);
  const bomb = Buffer.from(png);
  bomb.writeUInt32BE(60000, 16);
  bomb.writeUInt32BE(60000, 20);
  bomb.writeUInt32BE(crc32(bomb.subarray(12, 29)), 29);
  const packed = chunk('IDAT', deflateSync(Buffer.alloc((3 * 7000 + 1) * 7000), { level: 9 }));
  const wide = Buffer.from(png.subarray(16, 29));
  wide.writeUInt32BE(7000, 0);
  wide.writeUInt32BE(7000, 4);
  const cases = {
    svg: Buffer.from('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'),
    html: Buffer.from('<!doctype html><script>alert(1)</script>'),
    pdf: Buffer.from('%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>'),
    gif: Buffer.from('GIF89a\x01\0\x01\0\0\0\0;', 'latin1'),
    zip: Buffer.from('PK\x03\x04 and so on and so on and so on', 'latin1'),
    'cut off': png.subarray(0, png.length / 2),
    'a bomb by its head': bomb,
    'a picture before a page': Buffer.concat([png.subarray(0, 20), Buffer.from('<html>')]),
    noise: randomBytes(5000),
  };
  for (const [what, bytes] of Object.entries(cases)) {
    const got = await upload(bytes, bytes.length, `hostile-${Object.keys(cases).indexOf(what)}`,
      { retryDelays: null });
    check(what, (got.status === 415 && got.body.includes('UNSUPPORTED_MEDIA'))
      || (got.status === 413 && got.body.includes('TOO_LARGE')), got);
  }
  // 49 megapixels in 143 KB: within what is allowed, and it must not harm anybody.
  const large = Buffer.concat([png.subarray(0, 8), chunk('IHDR', wide), packed,
    chunk('IEND', Buffer.alloc(0))]);
  const got = await upload(large, large.length, 'much-from-little', { retryDelays: null });
  check('49 megapixels in little', !got.error, got);
  check('the server is well', (await get('/health')).status === 200);
  check('nothing of them is kept', readdirSync(join(scratch, 'data/server/uploads')).length === 0,
    readdirSync(join(scratch, 'data/server/uploads')));
}

/* ---- a decoder that is killed ---- */

{
  const bytes = noise(1200);
  let killed = 0;
  const going = upload(bytes, bytes.length, 'decoder-killed');
  for (let i = 0; i < 2000 && killed === 0; i++) {
    for (const pid of decoders()) {
      try { process.kill(pid, 'SIGKILL'); killed++; } catch { /* it was ready before us */ }
    }
    await sleep(2);
  }
  const got = await going;
  check('a decoder was killed', killed > 0);
  check('the picture came in all the same', !got.error, got);
  check('the server is well afterwards', (await get('/health')).status === 200);
}

/* ---- twenty at once ---- */

if (memory) {
  const files = [];
  for (let i = 0; i < 20; i++) {
    files.push(join(scratch, `picture${i}`));
    writeFileSync(files[i], noise(Math.floor(Math.sqrt(size / 6)), true));
  }
  const length = readFileSync(files[0]).length;
  const got = await Promise.all(files.map((file, i) =>
    upload(createReadStream(file), length, `at-once-${i}`)));
  check('twenty of 20 MB at once', got.every((one) => !one.error), got.filter((one) => one.error));
  const most = resident('VmHWM');
  check('within 150 MB', most < 150, most);
  console.log(`twenty of ${length} bytes at once: at most ${most.toFixed(0)} MB resident, `
    + `${resident('VmRSS').toFixed(0)} MB afterwards`);
}

check('it ends as it should', await kill('SIGTERM') === 0);
for (const name of readdirSync(scratch).filter((one) => one.startsWith('log')))
  check(`${name} has no complaint`, !/Sanitizer|runtime error/.test(
    readFileSync(join(scratch, name), 'utf8')));
rmSync(scratch, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
