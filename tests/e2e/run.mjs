// Runs the exchanges and compares.
//   node run.mjs record                     writes golden.json from a real Better Auth server
//   node run.mjs real [--tls-cert …]        the real server is still as golden.json says
//   node run.mjs planted                    differences put in on purpose are noticed
//   node run.mjs raum PROGRAM [OPTIONS]     `raum serve` is as golden.json says
//     --database URL   on that database
//     --tls-cert F --tls-key F   over https, where the cookies are what `real` with these says
//     --limits         the exchanges about rate limits, beside a real server with limits
//     --auth           with a real server behind it: nothing at all may differ
//     --found FILE     writes every difference that is not listed, as it would be listed
// Last line: `N passed, N failed`; one a named exchange or check.
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { beginning, exchanges, limits } from './exchanges.mjs';
import { Person } from './person.mjs';
import { freePort, startRaum, startReal } from './servers.mjs';
import { differences, normaliseCheck, renumber, transcribe } from './transcript.mjs';

const { values: options, positionals: [mode, program] } = parseArgs({
  allowPositionals: true,
  options: {
    database: { type: 'string' },
    'tls-cert': { type: 'string' },
    'tls-key': { type: 'string' },
    limits: { type: 'boolean', default: false },
    auth: { type: 'boolean', default: false },
    found: { type: 'string' },
  },
});
const file = (name) => new URL(name, import.meta.url);
const read = (name) => JSON.parse(readFileSync(file(name), 'utf8'));
const tls = options['tls-cert'] && { cert: options['tls-cert'], key: options['tls-key'] };

/** What the official client made of an answer. */
function clientResult(result) {
  if (result === null || typeof result !== 'object' || !('error' in result)) return undefined;
  const { data, error } = result;
  return error ? { error: { status: error.status, code: error.code, message: error.message } }
    : { data: data === null ? null : Array.isArray(data) ? 'array' : typeof data };
}

/** Runs `script` against a server, and fills {NAME: transcript}. */
async function record(script, server, transcript) {
  let seen = [];
  const put = (name, entry) => {
    if (name in transcript) throw new Error(`two exchanges of one name: ${name}`);
    transcript[name] = entry;
  };
  await script({
    person: (name) => new Person(name, server.base, (answer) => seen.push(answer)),
    mail: (person, pattern) => server.findMail(person.email, pattern),
    check: (name, value) => put(name, { check: normaliseCheck(value, server.base) }),
    exchange: async (name, person, run) => {
      seen = [];
      let result;
      try {
        result = await run();
      } catch (error) {
        throw new Error(`${name}: ${error.stack}`);
      }
      if (seen.length !== 1) throw new Error(`${name}: ${seen.length} requests, not one`);
      put(name, transcribe(seen[0], server.base, clientResult(result)));
      return result;
    },
  });
}

/** A server is started, recorded, and ended. One that breaks off keeps what it has answered. */
async function recorded(script, starting) {
  const server = await starting;
  const transcript = {};
  let broken;
  try {
    await record(script, server, transcript);
  } catch (error) {
    broken = error;
  }
  const log = server.log();
  const code = await server.stop();
  return { transcript, broken, code, log };
}

const show = (value) => (value === undefined ? 'absent' : JSON.stringify(value));

/** CORS is raum's own affair, also before another auth server. */
const everywhere = read('differences.json').find((e) => e.exchange === '*');

const words = (text) => (text ?? '').toLowerCase().split(/, */).filter(Boolean);

/** Is this difference as listed: `ours` to the letter, or all words of theirs among ours. */
function holds(listed, { theirs, ours }) {
  if (listed.rule === 'includes') return words(theirs).every((word) => words(ours).includes(word));
  return differences({ v: listed.ours ?? null }, { v: ours ?? null }).length === 0;
}

/** A cookie as it is over TLS. */
const secured = (value) => (typeof value === 'string' && value.startsWith('better-auth.')
  ? `__Secure-${value.replace('; HttpOnly', '; HttpOnly; Secure')}` : value);

/** What a real server answers, as it was recorded; over TLS with the cookies of TLS. */
function readGolden() {
  const golden = read('golden.json');
  if (tls)
    for (const one of Object.values(golden)) if (one.cookies) one.cookies = one.cookies.map(secured);
  return golden;
}

/** What differences.json lists, one a path; about `theirs` only. */
function readListed(theirs) {
  return read('differences.json').filter((e) => e.exchange === '*' || e.exchange in theirs)
    .flatMap((e) => (e.rule ? [e]
      : Object.entries(e.ours).map(([path, ours]) =>
        ({ exchange: e.exchange, path, ours: tls ? secured(ours) : ours }))));
}

/** Without the one item of ours that is listed as additional. */
function without(ours, { path, item }) {
  const copy = structuredClone(ours);
  const list = path.split('.').reduce((value, key) => value?.[key], copy);
  const at = Array.isArray(list) ? list.findIndex((one) =>
    Object.entries(item).every(([key, value]) => one?.[key] === value)) : -1;
  if (at < 0) return undefined;
  list.splice(at, 1);
  return renumber(copy);
}

/** Compares, but for the differences that are listed, which must be exactly as listed. */
function compare(theirs, ours, listed) {
  let passed = 0;
  const failures = [];
  for (const name of Object.keys(theirs)) {
    const expected = listed.filter((one) => one.exchange === name);
    const always = listed.filter((one) => one.exchange === '*');
    const additional = expected.filter((one) => one.rule === 'without');
    const mine = additional.reduce((value, one) => value && without(value, one), ours[name]);
    const found = mine ? differences(theirs[name], mine)
      : [{ path: '', theirs: 'an answer', ours: undefined }];
    const isListed = (one) => always.some((e) => e.path === one.path && holds(e, one)) ||
      expected.some((e) => e.path === one.path && holds(e, one));
    const unlisted = found.filter((one) => !isListed(one));
    const gone = expected.filter((e) => e.rule !== 'without' && !found.some((one) => one.path === e.path));
    const lines = [
      ...unlisted.map((d) => `${d.path}: theirs ${show(d.theirs)}, ours ${show(d.ours)}`),
      ...gone.map((e) => `${e.path}: a listed difference that is none`),
    ];
    if (lines.length) failures.push({ name, lines, unlisted });
    else passed++;
  }
  return { passed, failures };
}

function finish({ passed, failures }) {
  for (const { name, lines } of failures)
    console.log(`FAIL ${name}\n${lines.map((line) => `     ${line}\n`).join('')}`);
  console.log(`${passed} passed, ${failures.length} failed`);
  process.exitCode = failures.length ? 1 : 0;
}

/** The comparison notices what it is there to notice: each planted difference is reported. */
function planted() {
  const golden = read('golden.json');
  const plants = {
    'a status': (g) => { g['sign-up'].status = 201; },
    'a code': (g) => { g['sign-in: wrong password'].body.json.code = 'WRONG'; },
    'a key more': (g) => { g.list.body.json[0].tier = 'public'; },
    'a key less': (g) => { delete g['get-session'].body.json.session.ipAddress; },
    'the order of keys': (g) => {
      const { token, user } = g['sign-up'].body.json;
      g['sign-up'].body.json = { user, token };
    },
    'a type': (g) => { g['list-members'].body.json.total = '3'; },
    'the name of a cookie': (g) => { g['sign-up'].cookies = ['x=<signed 1>; Path=/']; },
    'an attribute of a cookie': (g) => {
      g['sign-up'].cookies[0] = g['sign-up'].cookies[0].replace('; HttpOnly', '');
    },
    'a header': (g) => { delete g['sign-in'].headers['set-auth-token']; },
    'an exchange that never came': (g) => { delete g.leave; },
  };
  const failures = Object.entries(plants).filter(([, plant]) => {
    const ours = structuredClone(golden);
    plant(ours);
    return compare(golden, ours, []).failures.length !== 1;
  }).map(([name]) => ({ name, lines: ['was not noticed'] }));
  finish({ passed: Object.keys(plants).length - failures.length, failures });
}

const script = options.limits ? limits : exchanges;

/** Over TLS the beginning is enough: what differs there are the cookies. */
async function compareReal() {
  if (!tls) return finish(compare(readGolden(), await real(), []));
  const { transcript, broken } = await recorded(beginning, startReal({ tls }));
  if (broken) throw broken;
  const golden = readGolden();
  return finish(compare(Object.fromEntries(
    Object.keys(transcript).map((name) => [name, golden[name]])), transcript, []));
}

async function real() {
  const got = await recorded(script, startReal({ tls, limits: options.limits }));
  if (got.broken) throw got.broken;
  return got.transcript;
}

/** A real server and raum before it: raum's address, and the real one's mails. */
async function startDelegated() {
  const port = await freePort();
  const behind = await startReal({ base: `http://127.0.0.1:${port}` });
  const raum = await startRaum({ program, port, auth: behind.base });
  return {
    ...raum,
    findMail: behind.findMail,
    stop: async () => {
      await behind.stop();
      return raum.stop();
    },
  };
}

async function compareRaum() {
  const theirs = options.limits ? await real() : readGolden();
  const got = await recorded(script, options.auth ? startDelegated()
    : startRaum({ program, tls, limits: options.limits, database: options.database }));
  const result = compare(theirs, got.transcript, options.auth ? [everywhere]
    : readListed(theirs));
  if (got.broken) result.failures.push({ name: 'to the end', lines: [got.broken.message] });
  if (got.code !== 0) result.failures.push({ name: 'exit status', lines: [`${got.code}`, got.log] });
  if (options.found) writeFileSync(options.found, JSON.stringify(result.failures.map(
    ({ name, unlisted = [] }) => ({ exchange: name, why: '',
      ours: Object.fromEntries(unlisted.map(({ path, ours = null }) => [path, ours])) })), null, 1));
  finish(result);
}

if (mode === 'record')
  writeFileSync(file('golden.json'), `${JSON.stringify(await real(), null, 1)}\n`);
else if (mode === 'real') await compareReal();
else if (mode === 'planted') planted();
else if (mode === 'raum') await compareRaum();
else throw new Error('run.mjs record|real|planted|raum PROGRAM');
