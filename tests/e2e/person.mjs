// Somebody at a client: the official Better Auth client with a cookie jar, as a page in a browser
// has it, and raw requests for what that client never sends.
import { createAuthClient } from 'better-auth/client';
import { jwtClient, organizationClient } from 'better-auth/client/plugins';
import http from 'node:http';
import https from 'node:https';

/** The proxy before a server says who asks; without one the real server knows nobody's address. */
const forwarded = { 'x-forwarded-for': '203.0.113.7' };

/** An answer as both ways of asking give it. */
const answer = (status, headers, cookies, text) => ({ status, headers, cookies, text });

/** A jar for one address: keeps name and value, drops what is cleared. */
class Jar {
  #values = new Map();

  take(lines) {
    for (const line of lines) {
      const [pair, ...attributes] = line.split(/; */);
      const name = pair.slice(0, pair.indexOf('='));
      if (attributes.some((a) => /^max-age=0$/i.test(a))) this.#values.delete(name);
      else this.#values.set(name, pair.slice(name.length + 1));
    }
  }

  header() {
    return [...this.#values].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  get(name) {
    return this.#values.get(name);
  }

  names() {
    return [...this.#values.keys()];
  }

  clear() {
    this.#values.clear();
  }
}

/** One request without any header that was not asked for. */
function ask(url, { method, headers, body, ca }) {
  return new Promise((resolve, reject) => {
    const library = url.protocol === 'https:' ? https : http;
    const request = library.request(url, { method, headers, ca, agent: false }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('error', reject);
      response.on('end', () =>
        resolve(answer(response.statusCode, new Headers(flat(response.headers)),
          response.headers['set-cookie'] ?? [], Buffer.concat(parts).toString('utf8'))));
    });
    request.on('error', reject);
    request.setTimeout(20000, () => request.destroy(new Error('no answer for 20 s')));
    request.end(body);
  });
}

const flat = (headers) =>
  Object.entries(headers).filter(([name]) => name !== 'set-cookie').map(([n, v]) => [n, String(v)]);

export class Person {
  /** `seen(answer)` is told of every answer that reaches this person. */
  constructor(name, base, seen) {
    this.name = name;
    this.email = `${name}@example.test`;
    this.password = `the password of ${name}`;
    this.base = base;
    this.jar = new Jar();
    this.seen = seen;
    this.client = createAuthClient({
      baseURL: base,
      plugins: [organizationClient(), jwtClient()],
      fetchOptions: { customFetchImpl: (url, init) => this.#fetch(url, init) },
    });
    this.org = this.client.organization;
  }

  async #fetch(url, init) {
    const headers = new Headers({ ...forwarded, ...Object.fromEntries(new Headers(init.headers)) });
    const cookie = this.jar.header();
    if (cookie && !headers.has('authorization')) headers.set('cookie', cookie);
    if (!headers.has('origin')) headers.set('origin', this.base);
    const response = await fetch(url, { ...init, headers, redirect: 'manual' });
    const text = await response.clone().text();
    const cookies = response.headers.getSetCookie();
    this.jar.take(cookies);
    this.seen({ ...answer(response.status, response.headers, cookies, text), url: String(url) });
    return response;
  }

  /** A raw request below /api/auth. `json` or `body`; `jar: false` sends no cookie, and keeps none;
   * `origin: null` sends none. */
  async raw(method, path, { json, body, headers = {}, jar = true, origin } = {}) {
    const all = { ...forwarded, ...headers };
    if (json !== undefined) all['content-type'] ??= 'application/json';
    const cookie = this.jar.header();
    if (jar && cookie) all.cookie = cookie;
    if (origin !== null) all.origin = origin ?? this.base;
    const sent = json === undefined ? body : JSON.stringify(json);
    if (sent !== undefined) all['content-length'] = Buffer.byteLength(sent);
    const url = new URL(`${this.base}/api/auth${path}`);
    const got = await ask(url, { method, headers: all, body: sent });
    if (jar) this.jar.take(got.cookies);
    this.seen({ ...got, url: String(url) });
    return got;
  }

  signUp(more = {}) {
    const { email, password, name } = this;
    return this.client.signUp.email({ email, password, name, ...more });
  }

  signIn(more = {}) {
    return this.client.signIn.email({ email: this.email, password: this.password, ...more });
  }

  /** The session token in the jar, raw and as it stands in set-auth-token. */
  token() {
    const name = this.jar.names().find((n) => n.endsWith('better-auth.session_token'));
    const signed = name && decodeURIComponent(this.jar.get(name));
    return { raw: signed?.slice(0, signed.lastIndexOf('.')), signed, name };
  }
}
