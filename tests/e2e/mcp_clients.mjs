// The official clients of the Model Context Protocol drive the real tools of `raum mcp` over standard
// input and output, and `raum serve --mcp-fixtures` over HTTP; what they do agrees with the command
// (G-A2). The configurations of docs/agents.md are parsed and run.
//   node mcp_clients.mjs PROGRAM
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client as Client2 } from '@modelcontextprotocol/client';
import { StdioClientTransport as Stdio2 } from '@modelcontextprotocol/client/stdio';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  LoggingMessageNotificationSchema,
  ResourceListChangedNotificationSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';

const program = process.argv[2];
const run = promisify(execFile);
const here = new URL('.', import.meta.url).pathname;
const room = mkdtempSync(join(tmpdir(), 'mcp-'));
symlinkSync(program, join(room, 'raum'));
const env = {
  PATH: `${room}:${process.env.PATH}`,
  HOME: room,
  RAUM_DATA: join(room, 'data'),
  ASAN_OPTIONS: 'detect_leaks=1:abort_on_error=0',
};
let said = ''; // by every `raum mcp`, on standard error
const tests = [];
const test = (name, body) => tests.push([name, body]);

/** The command, as a person on the same machine gives it; what it prints as JSON. */
async function raum(...words) {
  const { stdout } = await run(join(room, 'raum'), [...words, '--json'], { env, cwd: here });
  return stdout.trim() ? JSON.parse(stdout) : null;
}

async function open(args, Kind = Client, Transport = StdioClientTransport, options = {}) {
  const transport = new Transport({ command: 'raum', args, env, stderr: 'pipe' });
  transport.stderr?.on('data', (data) => { said += data; });
  const client = new Kind({ name: 'e2e', version: '1' }, options);
  await client.connect(transport);
  return client;
}

async function call(client, name, args) {
  const result = await client.callTool({ name, arguments: args });
  assert.ok(!result.isError, JSON.stringify(result));
  return result.structuredContent;
}

const until = async (what, happens) => {
  for (let i = 0; i < 100; i += 1) {
    if (happens()) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  assert.fail(`never: ${what}`);
};

test('the tools are described, and every reading one answers as it says', async () => {
  const client = await open(['mcp', '--space', 'personal']);
  const { tools } = await client.listTools();
  assert.deepEqual(
    tools.filter((tool) => tool.annotations.readOnlyHint).map((tool) => tool.name),
    ['me.listReferenceImages', 'wardrobe.listGarments', 'wardrobe.listOutfits', 'spaces.current',
      'tags.list', 'todo.list', 'scenes.list'],
  );
  assert.ok(!tools.some((tool) => tool.name === 'todo.delete'));
  for (const tool of tools.filter((one) => one.annotations.readOnlyHint))
    await call(client, tool.name, {}); // the client checks it against the output schema
  assert.equal((await call(client, 'spaces.current', {})).slug, 'personal');
  await client.close();
});

// G-A2: create, update, list, delete, list.
test('what a tool did, the command shows, and the other way round', async () => {
  const client = await open(['mcp', '--space', 'family', '--allow', 'todo.delete']);
  const [coat] = await raum('garment', 'list', '--space', 'family');
  const { outfit } = await call(client, 'wardrobe.createOutfit', {
    name: 'Rainy day', garmentIds: [coat.id], occasion: 'casual', tags: ['wet'],
  });
  let [shown] = await raum('outfit', 'list', '--space', 'family');
  assert.deepEqual(shown, outfit);
  await raum('outfit', 'set', outfit.id, '--name', 'Wet day', '--space', 'family');
  [shown] = (await call(client, 'wardrobe.listOutfits', {})).outfits;
  assert.equal(shown.name, 'Wet day');
  await raum('outfit', 'delete', outfit.id, '--space', 'family');
  assert.deepEqual((await call(client, 'wardrobe.listOutfits', {})).outfits, []);

  const task = await call(client, 'todo.create', { title: 'Fotos', dueDate: '2026-04-30' });
  assert.equal((await raum('task', 'list', '--space', 'family'))[0].id, task.id);
  await call(client, 'todo.complete', { id: task.id });
  assert.deepEqual(await raum('task', 'list', '--space', 'family'), []);
  await call(client, 'todo.delete', { id: task.id });
  assert.deepEqual((await call(client, 'todo.list', { all: true })).tasks, []);
  await client.close();
});

test('pictures come as links and, when asked, as small pictures; consent is asked each time', async () => {
  const client = await open(['mcp', '--space', 'family']);
  const result = await client.callTool({
    name: 'me.listReferenceImages', arguments: { thumbnails: true },
  });
  assert.deepEqual(result.content.map((block) => block.type), ['text', 'resource_link', 'image']);
  const read = await client.readResource({ uri: result.content[1].uri });
  assert.equal(read.contents[0].mimeType, 'application/json');
  assert.equal(read.contents[1].mimeType, 'image/webp');
  assert.equal(Buffer.from(read.contents[1].blob, 'base64').subarray(8, 12).toString(), 'WEBP');
  const [{ id, mediaId }] = result.structuredContent.images;
  await raum('image', 'ai', id, 'off', '--space', 'family');
  assert.deepEqual((await call(client, 'me.listReferenceImages', {})).images, []);
  await assert.rejects(client.readResource({ uri: result.content[1].uri }), /not found/);
  const refused = await client.callTool({
    name: 'me.generateWithReference', arguments: { prompt: 'x', referenceMediaIds: [mediaId] },
  });
  assert.match(refused.content[0].text, /^CONSENT_REQUIRED/);
  await raum('image', 'ai', id, 'on', '--space', 'family');
  await client.close();
});

test('a subscriber hears what others did', async () => {
  const client = await open(['mcp', '--space', 'family']);
  const heard = [];
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, (n) => heard.push(n.params.uri));
  client.setNotificationHandler(ResourceListChangedNotificationSchema, () => heard.push('list'));
  const { resources } = await client.listResources();
  const uri = resources.find((one) => one.uri.startsWith('raum://image/')).uri;
  await client.subscribeResource({ uri });
  const id = uri.slice('raum://image/'.length);
  await raum('image', 'set', id, '--label', 'Neu', '--space', 'family');
  await until('updated', () => heard.includes(uri));
  const before = heard.length;
  await client.unsubscribeResource({ uri });
  await raum('image', 'add', '../data/media/gps.webp', '--ai', '--space', 'family');
  await until('list changed', () => heard.slice(before).includes('list'));
  assert.ok(!heard.slice(before).includes(uri));
  await client.close();
});

test('prompts and completion', async () => {
  const client = await open(['mcp', '--space', 'family']);
  const prompt = await client.getPrompt({ name: 'stylist', arguments: { occasion: 'date' } });
  assert.match(prompt.messages[0].content.text, /occasion: date/);
  await raum('tag', 'create', 'Sommer', '--space', 'family');
  const done = await client.complete({
    ref: { type: 'ref/prompt', name: 'stylist' }, argument: { name: 'tag', value: 'so' },
  });
  assert.deepEqual(done.completion.values, ['Sommer']);
  await client.close();
});

test('nothing of another space, and nothing that was not granted', async () => {
  const client = await open(['mcp', '--space', 'personal', '--read-only']);
  assert.ok((await client.listTools()).tools.every((tool) => tool.annotations.readOnlyHint));
  const refused = await client.callTool({ name: 'todo.create', arguments: { title: 'x' } });
  assert.match(refused.content[0].text, /^NOT_ALLOWED/);
  assert.deepEqual((await call(client, 'wardrobe.listGarments', {})).garments, []);
  assert.deepEqual((await client.listResources()).resources, []);
  await client.close();
});

test('the newer client, whatever it tries first', async () => {
  for (const options of [{}, { versionNegotiation: { mode: 'auto' } }]) {
    const client = await open(['mcp', '--space', 'family'], Client2, Stdio2, options);
    const { tools } = await client.listTools();
    assert.ok(tools.length > 10);
    const result = await client.callTool({ name: 'spaces.current', arguments: {} });
    assert.equal(result.structuredContent.slug, 'family');
    await client.close();
  }
});

test('the inspector', async () => {
  const inspector = join(here, 'node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js');
  const words = ['--no-warnings', inspector, '--cli', join(room, 'raum'), 'mcp', '--space', 'family',
    '--data', env.RAUM_DATA];
  const list = await run(process.execPath, [...words, '--method', 'tools/list'], { env, cwd: here });
  assert.ok(JSON.parse(list.stdout).tools.length > 10);
  const one = await run(process.execPath, [...words, '--method', 'tools/call', '--tool-name',
    'tags.list', '--tool-arg', 'limit=1'], { env, cwd: here });
  assert.equal(JSON.parse(one.stdout).structuredContent.tags.length, 1);
});

// Bytes on the wire: one line a message, whatever comes in, and an end when the input ends.
test('rubbish on standard input', async () => {
  const child = spawn('raum', ['mcp', '--space', 'personal'], { env, stdio: ['pipe', 'pipe', 'pipe'] });
  let out = '';
  child.stdout.on('data', (data) => { out += data; });
  child.stdin.write('\n\n{\n\u0000\n');
  child.stdin.write(`${'x'.repeat(3 << 20)}\n`);
  child.stdin.end('{"jsonrpc":"2.0","id":1,"method":"ping"}');
  const status = await new Promise((done) => child.on('close', done));
  assert.equal(status, 0);
  const answers = out.trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(answers.map((one) => one.error?.code ?? one.result), [-32700, -32700, -32700, {}]);
});

// ---- the guide

const guide = readFileSync(join(here, '../../docs/agents.md'), 'utf8');
const blocks = [...guide.matchAll(/^```json\n(.*?)^```$/gms)].map((match) => JSON.parse(match[1]));
const servers = blocks.flatMap((block) => Object.values(block.mcpServers ?? block.servers));

test('the configurations of the guide start', async () => {
  const programs = servers.filter((one) => one.command);
  for (const line of guide.matchAll(/^\w+ mcp add .* -- (.*)$/gm)) {
    const [command, ...args] = line[1].split(' ');
    programs.push({ command, args });
  }
  assert.ok(programs.length >= 4);
  for (const { command, args } of programs) {
    assert.equal(command, 'raum');
    const client = await open(args);
    assert.equal((await call(client, 'spaces.current', {})).slug, 'personal');
    await client.close();
  }
});

// ---- HTTP

async function serve(...words) {
  const child = spawn('raum', ['serve', '--listen', '127.0.0.1:0', ...words],
    { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stderr.on('data', (data) => { text += data; });
  const origin = await new Promise((done, fail) => {
    child.stdout.on('data', (data) => {
      const match = /^listening on (.*)$/m.exec(data);
      if (match) done(match[1]);
    });
    child.on('close', () => fail(new Error(text)));
  });
  return {
    origin,
    end: async () => {
      child.kill();
      const status = await new Promise((done) => child.on('close', done));
      assert.equal(status, 0, text);
      assert.ok(!text.includes('Sanitizer'), text);
    },
  };
}

// Unknown tokens, as clients find out what to do about them (RFC 9728).
test('a token that is not known', async () => {
  const server = await serve();
  const [{ url, headers }] = servers.filter((one) => one.url);
  const fill = (text) => text.replace('${RAUM_URL:-https://raum.example}', server.origin)
    .replace('${RAUM_TOKEN}', 'not-a-token');
  const client = new Client({ name: 'e2e', version: '1' });
  const transport = new StreamableHTTPClientTransport(new URL(fill(url)),
    { requestInit: { headers: { Authorization: fill(headers.Authorization) } } });
  await assert.rejects(client.connect(transport), /401|invalid_token|Unauthorized/i);
  for (const method of ['POST', 'GET', 'DELETE']) {
    const answer = await fetch(`${server.origin}/mcp`, { method });
    assert.equal(answer.status, 401);
    const [, where] = /resource_metadata="([^"]*)"/.exec(answer.headers.get('www-authenticate'));
    assert.equal((await answer.json()).error, 'invalid_token');
    const metadata = await (await fetch(where)).json();
    assert.equal(metadata.resource, `${server.origin}/mcp`);
  }
  assert.equal((await fetch(`${server.origin}/mcp`, { method: 'PUT' })).status, 405);
  assert.match(await (await fetch(`${server.origin}/llms.txt`)).text(), /^# Raum/);
  await server.end();
});

const types = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
const hello = {
  jsonrpc: '2.0', id: 1, method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: { elicitation: {} }, clientInfo: { name: 'e', version: '1' } },
};

test('the binding to HTTP: what is refused, and how', async () => {
  const server = await serve('--mcp-fixtures');
  const url = `${server.origin}/mcp`;
  const post = (body, headers = {}) => fetch(url, {
    method: 'POST', headers: { ...types, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const is = async (answer, status, code) => {
    const body = await (await answer).json();
    assert.equal((await answer).status, status);
    assert.equal(body.error.code, code);
  };
  await is(post(hello, { Origin: 'http://evil.example' }), 403, -32000);
  await is(post(hello, { Accept: 'application/json' }), 406, -32000);
  await is(post(hello, { 'Content-Type': 'text/plain' }), 415, -32000);
  await is(post('{'), 400, -32700);
  await is(post([hello]), 400, -32700);
  await is(post({ jsonrpc: '2.0', id: 1, method: 'ping' }), 400, -32000);
  await is(post({ jsonrpc: '2.0', id: 1, method: 'ping' }, { 'Mcp-Session-Id': 'x' }), 404, -32001);
  const begun = await post(hello, { Origin: server.origin });
  const session = { 'Mcp-Session-Id': begun.headers.get('mcp-session-id') };
  assert.match(session['Mcp-Session-Id'], /^[0-9a-f]{32}$/);
  assert.equal((await post({ jsonrpc: '2.0', method: 'notifications/initialized' }, session)).status, 202);
  await is(post(hello, session), 400, -32600);
  await is(post({ jsonrpc: '2.0', id: 1, method: 'nope' }, session), 200, -32601);
  await is(post({ jsonrpc: '2.0', id: 1, method: 'initialize', params: {} }), 200, -32602);
  const stream = new AbortController();
  const own = await fetch(url, { headers: { Accept: 'text/event-stream', ...session }, signal: stream.signal });
  assert.equal(own.headers.get('content-type'), 'text/event-stream');
  await is(fetch(url, { headers: { Accept: 'text/event-stream', ...session } }), 409, -32000);
  await is(fetch(url, { headers: { Accept: 'application/json', ...session } }), 406, -32000);
  await is(fetch(url, { headers: { Accept: 'text/event-stream', 'Last-Event-ID': '9-9', ...session } }), 400, -32000);
  await is(fetch(url, { headers: { Accept: 'text/event-stream', 'MCP-Protocol-Version': '2026-07-28' } }), 405, -32000);
  stream.abort();
  assert.equal((await fetch(url, { method: 'DELETE', headers: session })).status, 200);
  await is(post({ jsonrpc: '2.0', id: 1, method: 'ping' }, session), 404, -32001);
  await is(fetch(url, { method: 'DELETE', headers: session }), 404, -32001);
  await server.end();
});

/** Reads a stream's events until `enough` says so, then leaves. */
async function events(answer, enough) {
  const decoder = new TextDecoder();
  const reader = answer.body.getReader();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    text += decoder.decode(value);
    const all = [...text.matchAll(/id: (.*)\n(?:retry: .*\n)?data: (.*)\n\n/g)]
      .map(([, id, data]) => ({ id, data: data ? JSON.parse(data) : null }));
    if (done || enough(all)) {
      await reader.cancel();
      return all;
    }
  }
}

test('a stream that was cut off goes on where it was', async () => {
  const server = await serve('--mcp-fixtures');
  const url = `${server.origin}/mcp`;
  const post = (body, headers = {}) => fetch(url, {
    method: 'POST', headers: { ...types, ...headers }, body: JSON.stringify(body),
  });
  const begun = await post(hello);
  const session = { 'Mcp-Session-Id': begun.headers.get('mcp-session-id') };
  const asks = await post({ jsonrpc: '2.0', id: 5, method: 'tools/call', params: { name: 'test_elicitation' } }, session);
  const [question] = await events(asks, (all) => all.length === 1); // and the reader goes
  assert.equal(question.data.method, 'elicitation/create');
  const answered = await post({ jsonrpc: '2.0', id: question.data.id, result: { action: 'cancel' } }, session);
  assert.equal(answered.status, 202);
  const back = { Accept: 'text/event-stream', 'Last-Event-ID': question.id, ...session };
  const rest = await events(await fetch(url, { headers: back }), (all) => all.length === 1);
  assert.equal(rest[0].data.id, 5);
  assert.equal(rest[0].data.result.content[0].text, 'cancel');
  const all = await events(await fetch(url, { headers: { ...back, 'Last-Event-ID': '1-0' } }), (some) => some.length === 2);
  assert.deepEqual(all.map((one) => one.id), ['1-1', '1-2']);

  // Cancelled while it waits: the stream ends without an answer.
  const waits = await post({ jsonrpc: '2.0', id: 6, method: 'tools/call', params: { name: 'test_elicitation' } }, session);
  const cancelled = post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 6 } }, session);
  const last = await events(waits, () => false);
  assert.equal((await cancelled).status, 202);
  assert.equal(last.length, 1);

  // Ended while it waits, and while somebody asks something else.
  const open = await post({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'test_elicitation' } }, session);
  const began = performance.now();
  assert.equal((await fetch(url, { method: 'DELETE', headers: session })).status, 200);
  await events(open, () => false);
  assert.ok(performance.now() - began < 1000);
  await server.end();
});

test('the official client over HTTP: progress, logging, questions, many at once', async () => {
  const server = await serve('--mcp-fixtures');
  const client = new Client({ name: 'e2e', version: '1' }, { capabilities: { sampling: {} } });
  const logs = [];
  client.setNotificationHandler(LoggingMessageNotificationSchema, (n) => logs.push(n.params.data));
  const { CreateMessageRequestSchema } = await import('@modelcontextprotocol/sdk/types.js');
  client.setRequestHandler(CreateMessageRequestSchema, () => ({
    model: 'm', role: 'assistant', content: { type: 'text', text: 'Paris' },
  }));
  await client.connect(new StreamableHTTPClientTransport(new URL(`${server.origin}/mcp`)));
  const progress = [];
  await client.callTool({ name: 'test_tool_with_progress', arguments: {} }, undefined,
    { onprogress: (p) => progress.push(p.progress) });
  assert.deepEqual(progress, [0, 50, 100]);
  await client.callTool({ name: 'test_tool_with_logging', arguments: {} });
  assert.equal(logs.length, 3);
  const many = await Promise.all(Array.from({ length: 40 }, () => client.callTool({
    name: 'test_sampling', arguments: { prompt: 'x' },
  })));
  assert.ok(many.every((one) => one.content[0].text === 'Paris'));
  await client.close();
  await server.end();
});

test('no program complained', async () => {
  await new Promise((done) => setTimeout(done, 300)); // the last one is about to end
  assert.ok(!/Sanitizer|runtime error/.test(said), said);
});

let failed = 0;
try {
  await raum('space', 'create', 'Family', '--type', 'family');
  await raum('image', 'add', '../data/media/gps.jpg', '--kind', 'face', '--ai', '--space', 'family');
  await raum('garment', 'add', '../data/media/gps.png', '--name', 'Coat', '--category', 'top', '--space', 'family');
  for (const [name, body] of tests) {
    try {
      await body();
    } catch (error) {
      failed += 1;
      console.log(`FAIL: ${name}\n${error.stack}\n${error.stderr ?? ''}`);
    }
  }
} finally {
  rmSync(room, { recursive: true, force: true });
}
console.log(`${tests.length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
