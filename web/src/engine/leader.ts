/* The one worker that has the files: runs what the tabs ask, tells them what changed, and speaks
 * with the server. */
import { Core } from './core.ts';
import { Crypto } from './crypto.ts';
import { Files } from './files.ts';
import { Media } from './media.ts';
import { MediaSync } from './media_sync.ts';
import { MemoryStore, OpfsStore } from './stores.ts';
import { changePassphrase, exchangeKeys, personalSpace, refreshSpaces, refused, whoIsSignedIn,
  type Person } from './server.ts';
import { Syncing, type Listener } from './sync.ts';
import { EngineError, type Notice, type Space, type Sync, type Variant } from './types.ts';
import type { Ask, Batch, Change, Failure, FromLeader, Hello, Shared, ToLeader }
  from './messages.ts';

/** `ready`: its space and its live queries are as it said. */
interface Tab { number: number; name: string; ready: Promise<void> }
export interface Modules { raum: WebAssembly.Module; sodium: WebAssembly.Module }
interface Joining { take: boolean; passphrase?: string; code?: string }
type Deed = (tab: Tab, args: Record<string, unknown>, blob?: Blob) => Promise<unknown>;

const PERSON = '/raum/person.json';
const REMEMBERED = 4096; // answers, so that a request that comes again is not run again
const POLL_MS = 60; // between two looks while rows stream in
const idle: Sync = { phase: 'idle', pending: 0, parked: 0, quarantined: 0, conflicts: 0, coming: 0,
  uploads: 0, refused: 0 };

function failure(error: unknown): Failure {
  if (error instanceof EngineError) return { code: error.code, message: error.message };
  return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error) };
}

export class Leader implements Listener {
  #core!: Core;
  #media!: Media;
  #syncing: Syncing | null = null;
  #pictures: MediaSync | null = null;
  #tabs = new Map<string, Tab>();
  #next = 1;
  #answers = new Map<string, Promise<{ value?: unknown; error?: Failure }>>();
  #send: (message: FromLeader) => void;
  #shared: Shared;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #polled = 0;

  #person: Person | null = null;
  #ready: Promise<void>;
  #version: string;

  constructor(send: (message: FromLeader) => void, notices: Notice[],
              wasm: Promise<Modules>, durable: boolean, version: string,
              account?: string) {
    this.#send = send;
    this.#version = version;
    this.#shared = { phase: 'starting', storage: durable ? 'opfs' : 'memory', notices: [...notices],
      account: null, spaces: [], sync: { ...idle } };
    this.#ready = this.#start(wasm, durable, account).catch((error: unknown) => {
      this.#news({ phase: 'failed', error: failure(error) });
      throw error;
    });
    this.#ready.catch(() => {}); // said above, and to all who ask
    send({ kind: 'leading', version });
  }

  #news(news: Partial<Shared>): void {
    this.#shared = { ...this.#shared, ...news };
    this.#send({ kind: 'news', shared: this.#shared });
  }

  #notice(notice: Notice, on = true): void {
    const has = this.#shared.notices.includes(notice);
    if (has === on) return;
    const others = this.#shared.notices.filter((one) => one !== notice);
    this.#news({ notices: on ? [...others, notice] : others });
  }

  /* ---- starting ---- */

  async #openFiles(durable: boolean): Promise<Files> {
    if (durable) {
      try {
        return await Files.start(await OpfsStore.start());
      } catch (error) {
        const full = error instanceof DOMException && error.name === 'QuotaExceededError';
        this.#shared.storage = 'memory';
        this.#notice(full ? 'quota' : 'private-window');
      }
    }
    return Files.start(new MemoryStore());
  }

  async #start(wasm: Promise<Modules>, durable: boolean, account?: string):
      Promise<void> {
    const [{ raum, sodium }, files] = await Promise.all([wasm, this.#openFiles(durable)]);
    this.#core = await Core.start(raum, files, new Crypto(sodium));
    await this.#openAccount(account);
    this.#news({ phase: 'ready' });
    void this.#goOn();
  }

  async #openAccount(account?: string): Promise<void> {
    const { value } = await this.#core.call<{ account: string; device: string }>(0, 'open',
                                                                                { account });
    this.#media = new Media(this.#core, value.account);
    const person = await this.#core.files.blob(PERSON);
    this.#person = person ? JSON.parse(await person.text()) as Person : null;
    const known = this.#person?.id === value.account ? this.#person : { id: value.account };
    this.#shared.account = value.account === 'guest' ? null : known;
    this.#shared.sync = { ...idle };
    await this.#look();
    if (!this.#shared.account) return;
    this.#shared.sync.phase = 'sending'; // idle is what was asked and is done
    this.#syncing = new Syncing(this.#core, value.account, value.device, this);
    this.#syncing.nudge();
    this.#pictures = new MediaSync(this.#core, value.device, this);
    this.#pictures.nudge();
  }

  async #stopSyncing(): Promise<void> {
    await Promise.all([this.#syncing?.stop(), this.#pictures?.stop()]);
    this.#syncing = this.#pictures = null;
  }

  /* Ends a joining that a closed tab left, and learns the person's name. */
  async #goOn(): Promise<void> {
    const { value: note } = await this.#core.call<{ take: boolean } | null>(0, 'join.pending');
    const person = note || this.#shared.account ? await whoIsSignedIn() : null;
    if (note && person && person !== 'unreachable')
      await this.#join({ take: note.take }).catch((error: unknown) => this.failed(error));
    else if (note && !person) await this.#core.call(0, 'join.forget');
    else if (person && person !== 'unreachable' && person.id === this.#shared.account?.id)
      await this.#remember(person);
  }

  async #remember(person: Person): Promise<void> {
    const { id, email, name } = person;
    this.#core.files.put(PERSON, new TextEncoder().encode(JSON.stringify({ id, email, name })));
    await this.#core.files.settle();
    this.#news({ account: { id, email, name } });
  }

  /* ---- tabs ---- */

  async hear(message: ToLeader): Promise<void> {
    try {
      await this.#ready;
    } catch (error) {
      if (message.kind === 'ask')
        this.#send({ kind: 'reply', tab: message.tab, request: message.request,
                     error: failure(error) });
      return;
    }
    if (message.kind === 'hello') this.#greet(message);
    else if (message.kind === 'bye') await this.#bye(message.tab);
    else if (message.kind === 'awake') await this.#syncing?.awake();
    else if (this.#tabs.has(message.tab)) this.#answer(message);
    // else it will say hello, and ask again
  }

  #greet(message: Hello): void {
    const number = this.#tabs.get(message.tab)?.number ?? this.#next++;
    const tab: Tab = { number, name: message.tab, ready: Promise.resolve() };
    this.#tabs.set(tab.name, tab);
    tab.ready = this.#hello(tab, message).catch((error: unknown) => this.failed(error));
  }

  async #hello(tab: Tab, message: Hello): Promise<void> {
    if (message.space)
      await this.#core.call(tab.number, 'space.use', { space: message.space, here: true })
        .catch(() => {}); // gone meanwhile: where the device was
    const { value } = await this.#core.call<{ space: string | null }>(tab.number, 'space.where',
                                                                      { active: true });
    this.#send({ kind: 'reply', tab: tab.name, request: 'hello', value: value.space });
    this.#news({});
    for (const watch of message.watches) await this.#watch(tab, { ...watch, watch: watch.id });
    this.changed();
  }

  async #bye(name: string): Promise<void> {
    const tab = this.#tabs.get(name);
    if (!tab) return;
    this.#tabs.delete(name);
    await this.#core.call(0, 'client.close', { client: tab.number });
  }

  async #watch(tab: Tab, args: Record<string, unknown>): Promise<void> {
    await this.#core.call(tab.number, 'watch.close', { watch: args.watch });
    await this.#core.call(tab.number, 'watch.open', args).catch((error: unknown) =>
      this.#send({ kind: 'watch-failed', tab: tab.name, watch: Number(args.watch),
                   error: failure(error) }));
  }

  #answer(message: Ask): void {
    const key = `${message.tab} ${message.request}`;
    let answer = this.#answers.get(key);
    if (!answer) {
      answer = this.#run(message).then((value) => ({ value }), (error: unknown) =>
        ({ error: failure(error) }));
      this.#answers.set(key, answer);
      if (this.#answers.size > REMEMBERED)
        this.#answers.delete(this.#answers.keys().next().value!);
    }
    void answer.then(({ value, error }) =>
      this.#send({ kind: 'reply', tab: message.tab, request: message.request, value, error }));
  }

  async #run(message: Ask): Promise<unknown> {
    const tab = this.#tabs.get(message.tab)!;
    await tab.ready;
    const own = this.#deeds[message.method];
    if (own) return own(tab, message.args, message.blob);
    const blob = message.blob ? new Uint8Array(await message.blob.arrayBuffer()) : null;
    const args = { ...message.args, request: `${message.tab}.${message.request}` };
    const { value } = await this.#core.call(tab.number, message.method, args, blob);
    this.changed();
    void this.#syncing?.wrote().catch((error: unknown) => this.failed(error));
    return value;
  }

  /* What is more than one call, or none of the engine's. */
  #deeds: Record<string, Deed> = {
    'watch.open': (tab, args) => this.#watch(tab, args).then(() => this.changed()),
    'watch.close': async (tab, args) => { await this.#core.call(tab.number, 'watch.close', args); },
    'media.get': (tab, args) => this.#media.get(tab.number, String(args.id),
      args.variant as Variant, args.space as string | undefined),
    'account.join': (_, args) => this.#join(args as unknown as Joining),
    'account.leave': (_, args) => this.#leave(args.erase === true),
    'key.passphrase': async (_, args) => ({ code: await changePassphrase(this.#core,
      this.#signedIn(), args.passphrase as string | null) }),
    'key.unlock': async (_, args) => {
      const { locked } = await exchangeKeys(this.#core, this.#signedIn(), args);
      this.locked(locked);
      if (locked) throw new EngineError('LOCKED', 'this does not open the key ring');
      this.#syncing?.refresh();
      return null;
    },
    'space.refresh': async () => {
      this.#signedIn();
      this.told(await refreshSpaces(this.#core));
      await this.#look();
      this.changed();
      this.#syncing?.nudge();
      return null;
    },
    'sync.now': async () => {
      this.#syncing?.refresh();
      this.#pictures?.restart();
      return null;
    },
    export: async (tab, args) => {
      const { value, bytes } = await this.#core.call<{ name: string; rows: number }>(tab.number,
        'export', args);
      return { ...value, name: `${value.name}.raum`,
        blob: new Blob([bytes as Uint8Array<ArrayBuffer>], { type: 'application/x-tar' }) };
    },
  };

  #signedIn(): string {
    const account = this.#shared.account?.id;
    if (!account) throw new EngineError('NOT_CONFIGURED', 'nobody is signed in here');
    return account;
  }

  /* ---- becoming an account, and a guest again ---- */

  async #reopen(): Promise<void> {
    await this.#openAccount();
    for (const { number } of this.#tabs.values())
      await this.#core.call(0, 'client.close', { client: number });
    this.#tabs.clear();
    this.#send({ kind: 'leading', version: this.#version }); // all say hello again
    this.#news({});
  }

  async #join(joining: Joining): Promise<{ account: string; moved: boolean; rows: number }> {
    const person = await whoIsSignedIn();
    if (person === 'unreachable') throw await refused(null);
    if (!person) throw new EngineError('NOT_ALLOWED', 'sign in first');
    const account = person.id;
    const personal = await personalSpace();
    const about = { account, personal, take: joining.take };
    await this.#stopSyncing();
    await this.#core.call(0, 'join.begin', about);
    try {
      const { locked } = await exchangeKeys(this.#core, account, joining);
      if (locked) throw new EngineError('LOCKED', 'the key ring of this account has a passphrase');
    } catch (error) { // the guest is as it was; LOCKED is asked again by the page
      await this.#core.call(0, 'join.forget');
      throw error;
    }
    const { value } = await this.#core.call<{ account: string; moved: boolean; rows: number }>(0,
      'join.finish', about);
    await this.#remember(person);
    await this.#reopen();
    return value;
  }

  async #leave(erase: boolean): Promise<null> {
    await this.#stopSyncing();
    const media = this.#media;
    await this.#core.call(0, 'account.close', { erase });
    if (erase) media.erase();
    this.#core.files.remove(PERSON);
    await this.#reopen();
    return null;
  }

  /* ---- telling ---- */

  /** Rows, names or counts may have changed: looked at soon, and together. */
  changed(): void {
    if (this.#timer !== undefined) return;
    const wait = Math.max(0, this.#polled + POLL_MS - Date.now());
    const soon = () => {
      this.#timer = undefined;
      this.#polled = Date.now();
      void this.#poll().catch((error: unknown) => this.failed(error));
    };
    if (wait === 0 || !this.#syncing) {
      this.#timer = 0 as unknown as ReturnType<typeof setTimeout>;
      queueMicrotask(soon);
    } else {
      this.#timer = setTimeout(soon, wait);
    }
  }

  async #poll(): Promise<void> {
    interface Told { watch: number; client: number; space: string | null; changes: Change[] }
    const { value } = await this.#core.call<Told[]>(0, 'poll');
    const byTab = new Map<number, Batch[]>();
    for (const { watch, client, space, changes } of value) {
      const list = byTab.get(client) ?? [];
      list.push({ watch, space, changes });
      byTab.set(client, list);
    }
    for (const tab of this.#tabs.values()) {
      const batches = byTab.get(tab.number);
      if (batches) this.#send({ kind: 'batches', tab: tab.name, batches });
    }
    await this.#look();
    this.#notice('quota', this.#core.files.full);
    this.#pictures?.nudge();
  }

  async #look(): Promise<void> {
    const spaces = (await this.#core.call<Space[]>(0, 'space.list')).value;
    const totals = (await this.#core.call<Partial<Sync>>(0, 'sync.totals')).value;
    const sync = { ...this.#shared.sync, ...totals };
    if (JSON.stringify([spaces, sync]) !== JSON.stringify([this.#shared.spaces, this.#shared.sync]))
      this.#news({ spaces, sync });
  }

  /* ---- what the conversation with the server says ---- */

  known(): Promise<void> {
    return this.#look();
  }

  state(sync: Partial<Sync>): void {
    const now = { ...this.#shared.sync, ...sync };
    if (JSON.stringify(now) !== JSON.stringify(this.#shared.sync)) this.#news({ sync: now });
  }

  told(events: { event: string }[]): void {
    if (!events.some(({ event }) => event !== 'slug')) return;
    void this.#look().then(() => this.#media.forget(this.#shared.spaces.map(({ id }) => id)));
    for (const tab of this.#tabs.values()) void this.#whereIs(tab);
  }

  /* A tab whose space is gone is where the device is. */
  async #whereIs(tab: Tab): Promise<void> {
    const { value } = await this.#core.call<{ space: string | null }>(tab.number, 'space.where',
                                                                      { active: true });
    this.#send({ kind: 'reply', tab: tab.name, request: 'hello', value: value.space });
    this.changed();
  }

  locked(locked: boolean): void {
    this.#notice('vault-locked', locked);
  }

  failed(error: unknown): void {
    this.state({ trouble: failure(error).message });
  }

  async avatar(media: string, space: string): Promise<Blob | null> {
    return this.#media.get(0, media, 'thumb', space).catch(() => null);
  }
}
