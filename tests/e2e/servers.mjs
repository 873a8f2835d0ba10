// Starts the two servers that are compared, each in a fresh scratch directory, and ends them.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { trustedOrigin } from './settings.mjs';

const here = new URL('.', import.meta.url).pathname;

/** Runs a program until it says where it listens. */
function listen(program, args, log) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', openSync(log, 'w')] });
  return new Promise((resolve, reject) => {
    let said = '';
    const fail = (why) => {
      child.kill('SIGKILL');
      reject(new Error(`${program}: ${why}\n${readFileSync(log, 'utf8')}`));
    };
    const clock = globalThis.setTimeout(() => fail('does not listen after 20 s'), 20000);
    child.on('error', (error) => fail(error.message));
    child.on('exit', (code) => fail(`ended with ${code}`));
    child.stdout.on('data', (part) => {
      said += part;
      const line = /^listening on (\S+)$/m.exec(said);
      if (!line) return;
      clearTimeout(clock);
      child.removeAllListeners('exit');
      resolve({ child, base: line[1] });
    });
  });
}

/** The URL in the newest mail to that person that matches; mails may take a moment. */
async function findMail(folder, email, pattern) {
  for (let tries = 0; tries < 100; tries++) {
    const files = readdirSync(folder).filter((name) => name.endsWith('.eml'))
      .map((name) => join(folder, name));
    const times = new Map(files.map((file) => [file, statSync(file).mtimeMs]));
    files.sort((a, b) => times.get(b) - times.get(a) || (a < b ? 1 : -1));
    for (const file of files) {
      const text = readFileSync(file, 'utf8');
      if (!new RegExp(`^To: .*${email}`, 'im').test(text)) continue;
      const url = text.match(/https?:\/\/\S+/g)?.find((one) => pattern.test(one));
      if (url) return url;
    }
    await sleep(50);
  }
  throw new Error(`no mail to ${email} with ${pattern}`);
}

async function start(program, args, scratch, mail) {
  const log = join(scratch, 'log');
  const { child, base } = await listen(program, args, log);
  return {
    base,
    scratch,
    log: () => readFileSync(log, 'utf8'),
    findMail: (email, pattern) => findMail(mail, email, pattern),
    /** Ends it as a person would; its exit code is part of the test. */
    stop: () => new Promise((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null)
        return resolve(child.exitCode ?? child.signalCode);
      const clock = globalThis.setTimeout(() => child.kill('SIGKILL'), 15000);
      child.on('exit', (code, signal) => {
        clearTimeout(clock);
        resolve(code ?? signal);
      });
      child.kill('SIGTERM');
    }).then((code) => {
      rmSync(scratch, { recursive: true, force: true });
      return code;
    }),
  };
}

const tlsArgs = (tls) => (tls ? ['--tls-cert', tls.cert, '--tls-key', tls.key] : []);

/** A port that is free now. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** options: {tls?: {cert, key}, limits?: bool, base?: URL, port?, folder?: kept afterwards} */
export function startReal({ tls, limits = false, base, port = 0, folder } = {}) {
  const scratch = mkdtempSync(join(tmpdir(), 'better-auth-'));
  const mail = join(folder ?? scratch, 'mail');
  mkdirSync(mail, { recursive: true });
  return start(process.execPath, ['--no-warnings', join(here, 'better_auth_server.mjs'),
    '--mail', mail, '--database', join(folder ?? scratch, 'auth.db'), '--port', String(port),
    ...tlsArgs(tls), ...(base ? ['--base', base] : []), ...(limits ? ['--limits'] : [])],
  scratch, mail);
}

/** options: {program, tls?, limits?, port?, database?: URL, auth?: URL} */
export function startRaum({ program, tls, limits = false, port = 0, database, auth }) {
  const scratch = mkdtempSync(join(tmpdir(), 'raum-'));
  const data = join(scratch, 'data');
  mkdirSync(join(data, 'server', 'outbox'), { recursive: true, mode: 0o700 });
  return start(program, ['serve', '--data', data, '--listen', `127.0.0.1:${port}`,
    '--trusted', trustedOrigin, ...tlsArgs(tls), ...(limits ? [] : ['--no-limits']),
    ...(database ? ['--database', database] : []), ...(auth ? ['--auth', auth] : [])],
  scratch, join(data, 'server', 'outbox'));
}
