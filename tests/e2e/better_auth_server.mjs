// A real Better Auth server, configured as `raum serve` behaves: the other side of every comparison.
//   node better_auth_server.mjs --mail DIR [--database FILE] [--port N] [--base URL]
//                               [--tls-cert F --tls-key F] [--limits]
// Prints `listening on URL`. Each mail is a file in DIR. --base: the address that people know, when
// it stands behind another server. GET /counts tells how often each path was asked for. Ends with
// SIGTERM.
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { toNodeHandler } from 'better-auth/node';
import { bearer, jwt, organization } from 'better-auth/plugins';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parseArgs } from 'node:util';
import { trustedOrigin } from './settings.mjs';

const { values: options } = parseArgs({
  options: {
    mail: { type: 'string' },
    database: { type: 'string', default: ':memory:' },
    port: { type: 'string', default: '0' },
    base: { type: 'string' },
    'tls-cert': { type: 'string' },
    'tls-key': { type: 'string' },
    limits: { type: 'boolean', default: false },
  },
});

let mails = 0;
/** As a mail program would be handed it; renamed into place, so that nobody reads half of one. */
function writeMail(to, subject, url) {
  const name = `${String(++mails).padStart(6, '0')}.eml`;
  const part = join(options.mail, `.${name}`);
  writeFileSync(part, `To: ${to}\nSubject: ${subject}\n\n${url}\n`);
  renameSync(part, join(options.mail, name));
}

function configure(own) {
  const origin = options.base ?? own;
  return {
    baseURL: origin,
    secret: 'a secret of the test, and of nothing else',
    database: new DatabaseSync(options.database),
    trustedOrigins: [trustedOrigin, own],
    rateLimit: { enabled: options.limits },
    telemetry: { enabled: false },
    logger: { disabled: true },
    emailAndPassword: {
      enabled: true,
      sendResetPassword: async ({ user, url }) => writeMail(user.email, 'reset', url),
    },
    emailVerification: {
      sendOnSignUp: true,
      sendVerificationEmail: async ({ user, url }) => writeMail(user.email, 'verify', url),
    },
    user: { deleteUser: { enabled: true }, changeEmail: { enabled: true } },
    plugins: [
      organization({
        sendInvitationEmail: async ({ id, email }) =>
          writeMail(email, 'invitation', `${origin}/accept-invitation?id=${id}`),
      }),
      jwt(),
      bearer(),
    ],
  };
}

// The address is part of the configuration, and the port is known once we listen.
let handle = (_request, response) => response.writeHead(503).end();
const tls = options['tls-cert'] && {
  cert: readFileSync(options['tls-cert']),
  key: readFileSync(options['tls-key']),
};
const counts = {};
function listener(request, response) {
  const path = request.url.split('?')[0];
  if (path === '/counts') return response.end(JSON.stringify(counts));
  counts[path] = (counts[path] ?? 0) + 1;
  return handle(request, response);
}
const server = tls ? https.createServer(tls, listener) : http.createServer(listener);
server.listen(Number(options.port), '127.0.0.1', async () => {
  const origin = `${tls ? 'https' : 'http'}://127.0.0.1:${server.address().port}`;
  const configuration = configure(origin);
  await (await getMigrations(configuration)).runMigrations();
  handle = toNodeHandler(betterAuth(configuration));
  console.log(`listening on ${origin}`);
});
process.on('SIGTERM', () => process.exit(0));
