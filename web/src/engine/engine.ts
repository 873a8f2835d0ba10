/* The engine in the browser, as the page sees it: `engine`, and the types of the seam. The work is
 * done in this tab's worker, or in the one of another tab that leads (worker.ts). */
import { Watching } from './watching.ts';
import { EngineError, type AddedPicture, type AddPicture, type Engine, type EngineState, type Live,
  type Notice, type Readable, type Row, type Value, type Variant } from './types.ts';
import type { Method, Methods } from './methods.ts';
import type { Ask, Batch, FromPage, Scope, Shared, ToPage } from './messages.ts';

export * from './types.ts';
export type { Methods, Method } from './methods.ts';

interface Pending {
  ask: Ask;
  resolve(value: unknown): void;
  reject(error: EngineError): void;
}

const SLEPT_MS = 30_000; // hidden for so long: perhaps the device slept

const nothing: EngineState = {
  phase: 'starting', role: null, storage: 'opfs', notices: [], account: null, space: null,
  spaces: [],
  sync: { phase: 'idle', pending: 0, parked: 0, quarantined: 0, conflicts: 0, coming: 0,
    uploads: 0, refused: 0 },
};

class Client implements Engine {
  #worker: Worker | null = null;
  #tab = '';
  #next = 1;
  #pending = new Map<string, Pending>();
  #watching = new Map<number, Watching<unknown>>();
  #state: EngineState = nothing;
  #runs = new Set<(state: EngineState) => void>();
  #started: { resolve(): void; reject(error: EngineError): void } | null = null;
  #own: Notice[] = []; // notices of this tab
  /* While the space is being switched: batches are kept, and only those of the new one count. */
  #switching = 0;
  #kept: Batch[] = [];

  state: Readable<EngineState> = {
    subscribe: (run) => {
      this.#runs.add(run);
      run(this.#state);
      return () => { this.#runs.delete(run); };
    },
  };

  #set(news: Partial<EngineState>): void {
    this.#state = { ...this.#state, ...news };
    for (const run of [...this.#runs]) run(this.#state);
  }

  start(options: { account?: string } = {}): Promise<void> {
    if (this.#worker) return Promise.resolve();
    this.#tab = typeof crypto.randomUUID === 'function' ? crypto.randomUUID()
      : `${Date.now()}-${Math.random()}`;
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
    this.#worker.onmessage = ({ data }: MessageEvent<ToPage>) => this.#hear(data);
    this.#worker.onerror = (event) => this.#fail(new EngineError('INTERNAL', event.message));
    return new Promise((resolve, reject) => {
      this.#started = { resolve, reject };
      this.#post({ kind: 'start', tab: this.#tab, secure: self.isSecureContext,
        account: options.account });
      this.#hello(); // to one that leads already
      this.#wake();
    });
  }

  #post(message: FromPage): void {
    this.#worker?.postMessage(message);
  }

  /* A worker does not hear of the network in every browser. A page that comes back to the front
   * after a sleep may have a stream that ended without a word. */
  #wake(): void {
    const awake = () => this.#post({ kind: 'awake' });
    let hidden = 0;
    addEventListener('online', awake);
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) hidden = Date.now();
      else if (Date.now() - hidden > SLEPT_MS || this.#state.sync.phase === 'offline') awake();
    });
  }

  #hello(): void {
    this.#post({ kind: 'hello', tab: this.#tab, space: this.#state.space,
      watches: [...this.#watching.values()].map(({ watch }) => watch) });
  }

  #fail(error: EngineError): void {
    this.#set({ phase: 'failed', error: { code: error.code, message: error.message } });
    this.#started?.reject(error);
    this.#started = null;
  }

  /* ---- what comes ---- */

  #hear(message: ToPage): void {
    if (message.kind === 'news') this.#news(message.shared);
    else if (message.kind === 'role') this.#set({ role: message.role });
    else if (message.kind === 'reply') this.#reply(message);
    else if (message.kind === 'batches') for (const batch of message.batches) this.#batch(batch);
    else if (message.kind === 'leading') this.#leading();
    else if (message.kind === 'other-version') this.#notice('newer-version');
    else {
      const error = new EngineError(message.error.code, message.error.message);
      this.#watching.get(message.watch)?.fail(error);
    }
  }

  #news(shared: Shared): void {
    const notices = [...shared.notices, ...this.#own];
    this.#set({ ...shared, notices });
    if (shared.phase === 'failed' && shared.error)
      this.#fail(new EngineError(shared.error.code, shared.error.message));
  }

  #notice(notice: Notice): void {
    if (this.#own.includes(notice)) return;
    this.#own.push(notice);
    this.#set({ notices: [...this.#state.notices, notice] });
  }

  /* Only a page may ask for this. */
  async #persist(): Promise<void> {
    const kept = await navigator.storage?.persist?.().catch(() => false);
    if (kept === false && this.#state.storage === 'opfs') this.#notice('not-persisted');
  }

  /* All is asked again of a new leader: what was run is not run again. */
  #leading(): void {
    for (const watching of this.#watching.values()) watching.reset();
    this.#hello();
    for (const { ask } of this.#pending.values()) this.#post(ask);
  }

  #reply(message: ToPage & { kind: 'reply' }): void {
    if (message.request === 'hello') {
      this.#set({ space: message.value as string | null });
      if (this.#started) void this.#persist();
      this.#started?.resolve();
      this.#started = null;
      return;
    }
    const pending = this.#pending.get(message.request);
    if (!pending) return;
    this.#pending.delete(message.request);
    if (message.error) pending.reject(new EngineError(message.error.code, message.error.message));
    else pending.resolve(message.value);
  }

  #batch(batch: Batch): void {
    const watching = this.#watching.get(batch.watch);
    if (!watching) return;
    if (this.#switching > 0 && watching.watch.scope === 'space') this.#kept.push(batch);
    else watching.apply(batch);
  }

  /* ---- what is asked ---- */

  #ask(method: string, args: object, blob?: Blob): Promise<unknown> {
    const request = String(this.#next++);
    const ask: Ask = { kind: 'ask', tab: this.#tab, request, method,
      args: args as Record<string, unknown>, blob };
    return new Promise((resolve, reject) => {
      this.#pending.set(request, { ask, resolve, reject });
      this.#post(ask);
    });
  }

  call<M extends Method>(method: M, args: Methods[M]['args']): Promise<Methods[M]['result']> {
    const asked = method === 'space.use' ? this.#switch(args as Methods['space.use']['args'])
      : this.#ask(method, args);
    return asked as Promise<Methods[M]['result']>;
  }

  /* G-T8: from this moment on nothing of the space before is shown. */
  async #switch(args: Methods['space.use']['args']): Promise<unknown> {
    const named = (space: string) => this.#state.spaces.some((one) =>
      one.id === this.#state.space && (one.id === space || one.slug === space));
    if (this.#switching === 0 && named(args.space)) return this.#ask('space.use', args);
    this.#switching++;
    const own = [...this.#watching.values()].filter(({ watch }) => watch.scope === 'space');
    for (const watching of own) watching.hide();
    try {
      const space = await this.#ask('space.use', args) as Methods['space.use']['result'];
      for (const watching of own) watching.reset();
      this.#set({ space: space.id });
      return space;
    } finally {
      this.#switching--;
      if (this.#switching === 0) this.#switched();
    }
  }

  #switched(): void {
    const kept = this.#kept.splice(0);
    for (const batch of kept)
      if (batch.space === this.#state.space) this.#watching.get(batch.watch)?.apply(batch);
    for (const watching of this.#watching.values())
      if (watching.watch.scope === 'space') watching.show(this.#state.space);
  }

  #live<T>(scope: Scope, sql: string, params: Value[]): Live<T> {
    return new Watching<T>(this.#next++, scope, sql, params, (watching) => {
      const { id } = watching.watch;
      this.#watching.set(id, watching as Watching<unknown>);
      this.#ask('watch.open', { watch: id, scope, sql, params }).catch((error: EngineError) =>
        watching.fail(error));
    }, (watching) => {
      const { id } = watching.watch;
      this.#watching.delete(id);
      this.#ask('watch.close', { watch: id }).catch(() => {});
    });
  }

  live<T = Row>(sql: string, params: Value[] = []): Live<T> {
    return this.#live('space', sql, params);
  }
  across<T = Row>(sql: string, params: Value[] = []): Live<T> {
    return this.#live('across', sql, params);
  }
  own<T = Row>(sql: string, params: Value[] = []): Live<T> {
    return this.#live('own', sql, params);
  }

  media = {
    add: (blob: Blob, { purpose, ...about }: AddPicture): Promise<AddedPicture> =>
      this.#ask(purpose === 'me' ? 'image.add' : 'photo.prepare', about, blob) as
        Promise<AddedPicture>,
    url: async (id: string, variant: Variant, space?: string): Promise<string> =>
      URL.createObjectURL(await this.#ask('media.get', { id, variant, space }) as Blob),
    release: (url: string): void => URL.revokeObjectURL(url),
  };
}

export const engine: Engine = new Client();
