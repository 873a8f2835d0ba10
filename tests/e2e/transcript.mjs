// What was answered, in a form that two servers can be compared by: whatever differs from run to
// run is named by its kind, everything else stands as it came.
const patterns = [
  ['date', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/],
  ['jwt', /^eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+$/],
  ['signed', /^[A-Za-z0-9]{32}\.[A-Za-z0-9+/]{43}=$/],
  ['signed, encoded', /^[A-Za-z0-9]{32}\.(?:[A-Za-z0-9]|%2B|%2F){43}%3D$/],
  ['id', /^[A-Za-z0-9]{32}$/],
  ['id', /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/],
  ['public key', /^[A-Za-z0-9_-]{43}$/],
];

class Names {
  #known = new Map();
  #counts = new Map();

  /** `<id 1>`, and `<id 1>` again for the same value in this exchange. */
  of(kind, value) {
    if (kind === 'date' || kind === 'jwt') return `<${kind}>`;
    if (!this.#known.has(value)) {
      const count = (this.#counts.get(kind) ?? 0) + 1;
      this.#counts.set(kind, count);
      this.#known.set(value, `<${kind} ${count}>`);
    }
    return this.#known.get(value);
  }
}

function normaliseText(text, base, names) {
  for (const [kind, pattern] of patterns) if (pattern.test(text)) return names.of(kind, text);
  return text.replaceAll(base, '<base>')
    .replaceAll(encodeURIComponent(base), '<base, encoded>')
    .replace(/^true\.(?:[A-Za-z0-9]|%2B|%2F){43}%3D$/, 'true.<signature>')
    .replace(/eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+/g, '<jwt>')
    .replace(/(token=|reset-password\/)[A-Za-z0-9]{24,32}\b/g, '$1<token>')
    .replace(/\b[A-Za-z0-9]{32}\b/g, (value) => names.of('id', value));
}

function normaliseValue(value, base, names) {
  if (typeof value === 'string') return normaliseText(value, base, names);
  if (Array.isArray(value)) return value.map((one) => normaliseValue(one, base, names));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, normaliseValue(one, base, names)]));
}

function normaliseBody(text, base, names) {
  if (text === '') return '';
  try {
    return { json: normaliseValue(JSON.parse(text), base, names) };
  } catch {
    return { text: normaliseText(text, base, names) };
  }
}

/** Cookies keep their order of attributes: clients compare them as text too. */
function normaliseCookie(line, base, names) {
  const [pair, ...attributes] = line.split(/; */);
  const at = pair.indexOf('=');
  const value = normaliseText(pair.slice(at + 1), base, names);
  return [`${pair.slice(0, at)}=${value}`, ...attributes].join('; ');
}

/** The same for what a test computed itself. */
export const normaliseCheck = (value, base) => normaliseValue(value, base, new Names());

/** Numbers the names anew, for a transcript of which something was taken away. */
export function renumber(transcript) {
  const names = new Names();
  const walk = (value) => {
    if (Array.isArray(value)) return value.map(walk);
    if (value !== null && typeof value === 'object')
      return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, walk(one)]));
    if (typeof value !== 'string') return value;
    return value.replace(/<([a-z, ]+) \d+>/g, (name, kind) => names.of(kind, name));
  };
  return walk(transcript);
}

const kept = ['content-type', 'location', 'set-auth-token', 'set-auth-jwt', 'x-retry-after',
  'access-control-expose-headers', 'cache-control', 'pragma'];

/** The transcript of one exchange: {status, headers, cookies, body, client?}. */
export function transcribe(got, base, client) {
  const names = new Names();
  const headers = {};
  for (const name of kept) {
    const value = got.headers.get(name);
    if (value !== null) headers[name] = normaliseText(value, base, names);
  }
  const out = {
    status: got.status,
    headers,
    cookies: got.cookies.map((line) => normaliseCookie(line, base, names)),
    body: normaliseBody(got.text, base, names),
  };
  if (client !== undefined) out.client = client;
  return JSON.parse(JSON.stringify(out)); // without what is undefined, as a file has it
}

/** Where two values differ: ['body.json.user.name: "a" is "b"', …], order of keys included. */
export function differences(theirs, ours, path = '') {
  if (theirs === null || ours === null || typeof theirs !== 'object' || typeof ours !== 'object' ||
      Array.isArray(theirs) !== Array.isArray(ours))
    return theirs === ours ? [] : [{ path, theirs, ours }];
  const keys = Object.keys(theirs);
  const found = [];
  const all = new Set([...keys, ...Object.keys(ours)]);
  for (const key of all) {
    const at = path ? `${path}.${key}` : key;
    if (!(key in ours)) found.push({ path: at, theirs: theirs[key], ours: undefined });
    else if (!(key in theirs)) found.push({ path: at, theirs: undefined, ours: ours[key] });
    else found.push(...differences(theirs[key], ours[key], at));
  }
  if (found.length === 0 && keys.join() !== Object.keys(ours).join())
    found.push({ path: `${path} (order)`, theirs: keys, ours: Object.keys(ours) });
  return found;
}
