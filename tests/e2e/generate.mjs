// Pictures by an image service: an independent server at the other end, real processes, real bytes.
//   node generate.mjs PROGRAM
// The stand-ins for such services that npm has pass over the pictures of `images/edits`, so the one
// that looks at them is made here, of node:http and the multipart parser busboy.
import busboy from 'busboy';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { crc32, deflateSync, inflateSync } from 'node:zlib';
import * as tus from 'tus-js-client';
import { freePort } from './servers.mjs';

const [program] = process.argv.slice(2);
const scratch = mkdtempSync(join(tmpdir(), 'raum-generate-'));
const secret = 'a prompt that nobody may read';
const key = `sk-${randomBytes(12).toString('hex')}`;
let passed = 0;
let failed = 0;
function check(what, good, detail = '') {
  if (good) passed++;
  else failed++;
  if (!good) console.log(`FAIL ${what}: ${JSON.stringify(detail)}`);
}

/* ---- pictures, made and read by hand ---- */

function chunk(type, data) {
  const out = Buffer.alloc(12 + data.length);
  out.writeUInt32BE(data.length, 0);
  out.write(type, 4, 'latin1');
  data.copy(out, 8);
  out.writeUInt32BE(crc32(out.subarray(4, 8 + data.length)), 8 + data.length);
  return out;
}
function png(pixels, side) {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(side, 0);
  head.writeUInt32BE(side, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const rows = Buffer.alloc((3 * side + 1) * side);
  for (let y = 0; y < side; y++)
    pixels.copy(rows, y * (3 * side + 1) + 1, y * 3 * side, (y + 1) * 3 * side);
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', head),
    chunk('tEXt', Buffer.from('Comment\0at home, 52.5 N 13.4 E')),
    chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}
const paeth = (a, b, c) => {
  const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
};
/** The pixels of an RGB PNG and the names of its chunks. */
function read(bytes) {
  const names = [];
  const data = [];
  let side = 0;
  for (let at = 8; at < bytes.length;) {
    const length = bytes.readUInt32BE(at);
    const name = bytes.toString('latin1', at + 4, at + 8);
    if (name === 'IHDR') side = bytes.readUInt32BE(at + 8);
    if (name === 'IDAT') data.push(bytes.subarray(at + 8, at + 8 + length));
    names.push(name);
    at += 12 + length;
  }
  const raw = inflateSync(Buffer.concat(data));
  const row = 3 * side;
  const out = Buffer.alloc(row * side);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < row; x++) {
      const a = x >= 3 ? out[y * row + x - 3] : 0;
      const b = y > 0 ? out[(y - 1) * row + x] : 0;
      const c = x >= 3 && y > 0 ? out[(y - 1) * row + x - 3] : 0;
      const filter = raw[y * (row + 1)];
      const add = [0, a, b, (a + b) >> 1, paeth(a, b, c)][filter];
      out[y * row + x] = (raw[y * (row + 1) + 1 + x] + add) & 255;
    }
  return { names, pixels: out };
}
const side = 96;
const noise = () => randomBytes(3 * side * side);

/* ---- the image service ---- */

const seen = [];
let behave = (got) => ({ pictures: Number(new Map(got.fields).get('n')) });
const service = createServer((request, response) => {
  const got = { url: request.url, key: request.headers.authorization, fields: [], files: [] };
  const parser = busboy({ headers: request.headers });
  parser.on('field', (name, value) => got.fields.push([name, value]));
  parser.on('file', (name, stream, info) => {
    const parts = [];
    stream.on('data', (part) => parts.push(part));
    stream.on('end', () => got.files.push({ name, ...info, bytes: Buffer.concat(parts) }));
  });
  parser.on('close', async () => {
    seen.push(got);
    const { status = 200, pictures = 1, wait = 0, body } = behave(got);
    if (wait) await sleep(wait, undefined, { ref: false });
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(body ?? JSON.stringify({ created: 1, data: Array.from({ length: pictures },
      () => ({ b64_json: png(noise(), side).toString('base64') })) }));
  });
  request.pipe(parser);
});
await new Promise((resolve) => { service.listen(0, '127.0.0.1', resolve); });

/* ---- the server ---- */

const keyFile = join(scratch, 'key');
writeFileSync(keyFile, `${key}\n`, { mode: 0o600 });
let base;
let server;
let log;
async function start(url) {
  const port = await freePort();
  base = `http://127.0.0.1:${port}`;
  log = join(scratch, `log-${port}`);
  server = spawn(program, ['--data', join(scratch, 'data'), 'serve', '--listen',
    `127.0.0.1:${port}`, '--no-limits', '--image-provider', 'openai', '--image-url', url,
    '--image-key-file', keyFile], { stdio: ['ignore', 'pipe', openSync(log, 'w')] });
  await new Promise((resolve, reject) => {
    server.stdout.on('data', (text) => { if (String(text).includes('listening')) resolve(); });
    server.on('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
  server.removeAllListeners('exit');
}
async function stop() {
  const ended = new Promise((resolve) => { server.on('exit', resolve); });
  server.kill('SIGTERM');
  const code = await ended;
  const text = readFileSync(log, 'utf8');
  check('the log has no prompt', !text.includes(secret));
  check('the log has no key', !text.includes(key));
  check('no sanitizer speaks', !text.includes('Sanitizer'), text.slice(0, 2000));
  return code;
}

let token;
const ask = async (path, body) => {
  const answer = await fetch(base + path, { method: 'POST', body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', origin: base,
      ...(token && { authorization: `Bearer ${token}` }) } });
  return { status: answer.status, json: await answer.json() };
};
const generate = (referenceMediaIds, more = {}) => ask('/api/v1/picture/generate-with-reference',
  { prompt: secret, referenceMediaIds, ...more });
const upload = (bytes, mediaId, purpose) => new Promise((resolve, reject) => {
  new tus.Upload(bytes, { endpoint: `${base}/api/v1/media`, chunkSize: 1 << 20,
    headers: { authorization: `Bearer ${token}` }, metadata: { mediaId, purpose },
    onError: reject, onSuccess: resolve }).start();
});
const change = (table, id, op, data) => ask('/api/v1/sync', { clientId: 'device', since: '',
  changes: [{ app: table === 'meImages' ? 'profile' : 'wardrobe', table, id, op,
    fields: Object.fromEntries(Object.entries(data).map(([name, value]) =>
      [name, { value, at: new Date().toISOString() }])) }] });

await start(`http://127.0.0.1:${service.address().port}/v1`);
token = (await ask('/api/auth/sign-up/email', { email: 'a@example.test',
  password: 'correct horse', name: 'A' })).json.token;
const face = noise();
const shirt = noise();
await upload(png(face, side), 'face', 'me');
await upload(png(shirt, side), 'shirt', 'wardrobe');
await change('meImages', 'i1', 'insert', { mediaId: 'face', kind: 'face', 'usage.aiReference': true });
await change('wardrobeGarments', 'g1', 'insert', { mediaIds: ['shirt'], category: 'top' });

/* ---- what it receives ---- */

{
  const { status, json } = await generate(['face', 'shirt'], { n: 2, size: '1024x1536' });
  check('made', status === 200, json);
  const [got] = seen;
  check('one request', seen.length === 1, seen.length);
  check('its address', got?.url === '/v1/images/edits', got?.url);
  check('its key', got?.key === `Bearer ${key}`);
  check('its fields', JSON.stringify(got?.fields) === JSON.stringify([['model', 'gpt-image-1.5'],
    ['prompt', secret], ['n', '2'], ['size', '1024x1536'], ['quality', 'medium']]), got?.fields);
  check('two pictures', got?.files.length === 2 && got.files.every((file) =>
    file.name === 'image[]' && file.mimeType === 'image/png' && file.filename.endsWith('.png')));
  const pictures = (got?.files ?? []).map((file) => read(file.bytes));
  check('exactly these pixels, in order', pictures[0]?.pixels.equals(face) &&
    pictures[1]?.pixels.equals(shirt));
  check('nothing else', pictures.every(({ names }) =>
    names.every((name) => ['IHDR', 'IDAT', 'IEND', 'pHYs'].includes(name))),
  pictures.map(({ names }) => names));
  check('two answers', json.images?.length === 2, json);
  const made = await fetch(`${base}${json.images?.[0].imageUrl}`,
    { headers: { authorization: `Bearer ${token}` } });
  check('it is kept', made.status === 200 && made.headers.get('content-type') === 'image/png');
}

/* ---- without consent nothing leaves ---- */

{
  await change('meImages', 'i1', 'update', { 'usage.aiReference': false });
  const before = seen.length;
  const { status, json } = await generate(['shirt', 'face']);
  check('no consent', status === 403 && json.error?.code === 'CONSENT_REQUIRED', json);
  check('nothing was sent', seen.length === before);
  await change('meImages', 'i1', 'update', { 'usage.aiReference': true });
}

/* Switched off while twenty orders are on their way: whatever is sent afterwards has no face. */
{
  let offAt = Infinity;
  const times = [];
  behave = () => { times.push(performance.now()); return { pictures: 1, wait: 20 }; };
  const orders = Array.from({ length: 16 }, () => generate(['face']));
  await sleep(300);
  await change('meImages', 'i1', 'update', { 'usage.aiReference': false });
  offAt = performance.now();
  const results = await Promise.all(orders);
  const late = times.filter((time) => time > offAt + 100);
  check('nothing after it was switched off', late.length === 0, late.map((t) => t - offAt));
  check('each was made or refused', results.every(({ status }) => [200, 403].includes(status)),
    results.map(({ status }) => status));
  check('some were refused', results.some(({ status }) => status === 403),
    results.map(({ status }) => status));
  await change('meImages', 'i1', 'update', { 'usage.aiReference': true });
}

/* ---- a service that takes its time holds nobody up ---- */

{
  behave = () => ({ pictures: 1, wait: 1500 });
  const slow = [generate(['face']), generate(['face'])];
  await sleep(400);
  let worst = 0;
  for (let i = 0; i < 20; i++) {
    const begun = performance.now();
    await (await fetch(`${base}/health`)).text();
    worst = Math.max(worst, performance.now() - begun);
  }
  check('others are served meanwhile', worst < 1000, worst);
  check('both were made', (await Promise.all(slow)).every(({ status }) => status === 200));
  const many = await Promise.all(Array.from({ length: 24 }, () => generate(['face'],
    { quality: 'low' })));
  const busy = many.filter(({ status, json }) => status === 503 && json.error.code === 'BUSY');
  check('too many at once are told so', busy.length >= 4 && busy.length < 24, busy.length);
}

/* ---- it ends while a service hangs ---- */

{
  behave = () => ({ pictures: 1, wait: 60000 });
  const hanging = generate(['face']).catch(() => ({ status: 0 }));
  await sleep(700);
  const begun = performance.now();
  const code = await stop();
  check('it ends', code === 0 && performance.now() - begun < 8000, [code,
    performance.now() - begun]);
  const { status } = await hanging;
  check('who waited is told', status === 503 || status === 0, status);
}

service.closeAllConnections();
service.close();
rmSync(scratch, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
