/* Each tab has this worker. One of them holds the lock and leads: it has the files; the others
 * speak to it over a channel. When it goes, the lock goes to the next one, and all ask it again
 * what was not answered; what was run already is answered from a note in the database
 * (src/wasm/once.c). */
import wasmAddress from '../../../build-wasm/raum.wasm?url';
import sodiumAddress from '../../../build-wasm/sodium.wasm?url';
import { Leader, type Modules } from './leader.ts';
import type { FromLeader, FromPage, ToLeader, ToPage } from './messages.ts';
import type { Notice } from './types.ts';

const LOCK = 'raum-leader';
const channel = new BroadcastChannel('raum');
let tab = '';
let leader: Leader | null = null;
let held = Promise.resolve();

const toPage = (message: ToPage) => self.postMessage(message);

function compile(address: string): Promise<WebAssembly.Module> {
  return WebAssembly.compileStreaming(fetch(address)).catch(async () =>
    // A server that does not say application/wasm.
    WebAssembly.compile(await (await fetch(address)).arrayBuffer()));
}

async function load(): Promise<Modules> {
  const [raum, sodium] = await Promise.all([compile(wasmAddress), compile(sodiumAddress)]);
  return { raum, sodium };
}

/* To all other tabs, and to this one's page. */
function fromLeader(message: FromLeader): void {
  if ('tab' in message && message.tab === tab) toPage(message);
  else channel.postMessage(message);
  if (!('tab' in message)) toPage(message);
}

function toLeader(message: ToLeader): void {
  if (leader) void leader.hear(message);
  else channel.postMessage(message);
}

/* Whoever said hello holds a lock of its own: when that is free, the tab is gone. */
const watched = new Set<string>();
function watchTab(name: string): void {
  if (watched.has(name)) return;
  watched.add(name);
  void navigator.locks?.request(`raum-tab-${name}`, () => {
    watched.delete(name);
    void leader?.hear({ kind: 'bye', tab: name });
  });
}

channel.onmessage = ({ data }: MessageEvent<FromLeader | ToLeader>) => {
  if (data.kind === 'ask' || data.kind === 'hello' || data.kind === 'bye'
      || data.kind === 'awake') {
    if (!leader) return;
    if (data.kind === 'hello') watchTab(data.tab);
    void leader.hear(data);
  } else if (!('tab' in data) || data.tab === tab) {
    if (data.kind === 'leading' && data.version !== wasmAddress) toPage({ kind: 'other-version' });
    toPage(data);
  }
};

function lead(notices: Notice[], durable: boolean, account?: string): void {
  toPage({ kind: 'role', role: 'leader' });
  leader = new Leader(fromLeader, notices, load(), durable, wasmAddress, account);
}

function start(secure: boolean, account?: string): void {
  const notices: Notice[] = secure ? [] : ['plain-http'];
  const durable = secure && typeof navigator.storage?.getDirectory === 'function';
  if (secure && !durable) notices.push('no-storage');
  if (!navigator.locks) {
    lead([...notices, 'no-locks'], false, account);
    return;
  }
  // Before a word is said: who hears of a tab whose lock is free takes it for gone.
  held = new Promise((resolve) => {
    void navigator.locks.request(`raum-tab-${tab}`, () => {
      resolve();
      return new Promise(() => {});
    });
  });
  toPage({ kind: 'role', role: 'follower' });
  void navigator.locks.request(LOCK, () => {
    lead(notices, durable, account);
    return new Promise(() => {}); // until this worker ends
  });
}

self.onmessage = ({ data }: MessageEvent<FromPage>) => {
  if (data.kind === 'start') {
    tab = data.tab;
    start(data.secure, data.account);
  } else {
    void held.then(() => toLeader(data));
  }
};
