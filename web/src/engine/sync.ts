/* The leader's conversation with the server: carries what the engine's session says by fetch, and
 * the stream's bytes back. Decides nothing about rows. */
import { ask, exchangeKeys, refreshSpaces, type Told } from './server.ts';
import { EngineError, type Sync } from './types.ts';
import type { Core } from './core.ts';

interface Step {
  action: 'send' | 'wait' | 'idle' | 'stopped';
  space: string | null;
  until: number;
  spaces: boolean;
  behind: number;
  trouble: string | null;
}
export interface Listener {
  /** Rows, names or counts may have changed. */
  changed(): void;
  /** The list of spaces is told by the time this is over. */
  known(): Promise<void>;
  state(sync: Partial<Sync>): void;
  told(events: Told[]): void;
  locked(locked: boolean): void;
  failed(error: unknown): void;
  /** The small picture that becomes the account's; null: not to be had now. */
  avatar(media: string, space: string): Promise<Blob | null>;
}

const AGAIN_MS = 250;
const AGAIN_MAX_MS = 60_000;
const AWOKE_MS = 500; // each tab says it
const UNKNOWN_MAX = 3; // how often the list of spaces is asked anew for rows of unknown ones

export class Syncing {
  #core: Core;
  #device: string;
  #account: string;
  #listener: Listener;
  #stopped = false;
  #running: Promise<void> | null = null;
  #again = false;
  #start = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stream: AbortController | null = null;
  #wait = 0;
  #awoke = 0;
  #unknown = 0;
  #prepared = false;

  constructor(core: Core, account: string, device: string, listener: Listener) {
    this.#core = core;
    this.#account = account;
    this.#device = device;
    this.#listener = listener;
    self.addEventListener('offline', this.#offline);
  }

  #offline = () => {
    this.#stream?.abort();
    this.#listener.state({ phase: 'offline' });
  };

  /** The network is there again, or somebody looks again after a while: nothing is waited for, and
   *  a stream that may be dead without a word is opened anew. */
  async awake(): Promise<void> {
    if (this.#stopped || Date.now() - this.#awoke < AWOKE_MS) return;
    this.#awoke = Date.now();
    this.#wait = 0;
    this.#stream?.abort();
    await this.#core.call(0, 'session.awake').catch((error: unknown) =>
      this.#listener.failed(error));
    this.nudge();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    self.removeEventListener('offline', this.#offline);
    clearTimeout(this.#timer);
    this.#stream?.abort();
    await this.#running;
    await this.#core.call(0, 'session.stop').catch(() => {});
  }

  /** Something was written here, or may be new there. */
  nudge(start = true): void {
    if (this.#stopped) return;
    this.#start ||= start;
    clearTimeout(this.#timer);
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = this.#round().catch((error: unknown) => this.#trouble(error)).finally(() => {
      this.#running = null;
      if (!this.#again) return;
      this.#again = false;
      this.nudge(false);
    });
  }

  /** Keys and spaces are asked for again, too. */
  refresh(): void {
    this.#prepared = false;
    this.nudge();
  }

  async wrote(): Promise<void> {
    const { value } = await this.#core.call<{ waits: boolean }>(0, 'session.news');
    if (value.waits) this.nudge();
  }

  #later(ms: number): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.nudge(), ms);
  }

  /* Those that lost their server together come back one by one. */
  #backOff(first: number): void {
    this.#wait = Math.min(AGAIN_MAX_MS, this.#wait ? this.#wait * 2 : first);
    this.#later(this.#wait * (0.5 + Math.random() / 2));
  }

  #trouble(error: unknown): void {
    if (this.#stopped) return;
    const code = error instanceof EngineError ? error.code : 'INTERNAL';
    const trouble = error instanceof Error ? error.message : String(error);
    if (code === 'NOT_ALLOWED') {
      this.#listener.state({ phase: 'stopped', trouble });
      return;
    }
    if (code !== 'UNREACHABLE') this.#listener.failed(error);
    this.#listener.state({ phase: 'offline', trouble });
    this.#backOff(1000);
  }

  async #prepare(): Promise<void> {
    const { locked } = await exchangeKeys(this.#core, this.#account);
    this.#listener.locked(locked);
    this.#listener.told(await refreshSpaces(this.#core));
    this.#prepared = true;
    await this.#listener.known();
    this.#listener.changed();
  }

  async #round(): Promise<void> {
    if (!this.#prepared) await this.#prepare();
    if (this.#start) await this.#core.call(0, 'session.start');
    this.#start = false;
    while (!this.#stopped) {
      const { value: step, bytes } = await this.#core.call<Step>(0, 'session.next');
      if (step.action === 'send') await this.#send(step, bytes);
      else if (step.action !== 'idle' || !step.spaces || ++this.#unknown > UNKNOWN_MAX)
        return this.#rest(step);
      else await this.#askSpaces();
    }
  }

  /* Joined elsewhere, or not in it any more. */
  async #askSpaces(): Promise<void> {
    this.#listener.told(await refreshSpaces(this.#core));
    this.#listener.changed();
    await this.#core.call(0, 'session.start');
  }

  async #rest(step: Step): Promise<void> {
    const trouble = step.trouble ?? undefined;
    if (step.action === 'wait') {
      this.#listener.state({ phase: 'waiting', trouble });
      this.#later(Math.max(0, step.until - Date.now()));
    } else if (step.action === 'stopped') {
      this.#stream?.abort();
      this.#listener.state({ phase: 'stopped', trouble });
    } else {
      this.#unknown = 0;
      this.#listener.state({ phase: 'idle', trouble: undefined, coming: 0 });
      await this.#picture();
      void this.#listen();
    }
  }

  async #send(step: Step, body: Uint8Array): Promise<void> {
    this.#listener.state({ phase: 'sending', coming: step.behind });
    const path = step.space ? `?space=${encodeURIComponent(step.space)}` : '';
    const answer = await ask(`/api/v1/sync${path}`, { method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-Client-Id': this.#device },
      body: body as Uint8Array<ArrayBuffer> });
    const bytes = await answer?.arrayBuffer().catch(() => null);
    const retry = Number(answer?.headers.get('Retry-After') ?? 0) * 1000;
    const status = bytes ? answer!.status : 0;
    await this.#core.call(0, 'session.answer', { status, retryMs: retry || 0 },
                          bytes ? new Uint8Array(bytes) : new Uint8Array(0));
    this.#listener.changed();
  }

  /* The account's picture follows the personal space (G-T11). */
  async #picture(): Promise<void> {
    const { value } = await this.#core.call<{ waits: boolean; media: string | null;
      space: string }>(0, 'avatar.waits');
    if (!value.waits) return;
    const blob = value.media ? await this.#listener.avatar(value.media, value.space) : null;
    if (value.media && !blob) return;
    const answer = await ask('/api/v1/avatar', blob
      ? { method: 'PUT', headers: { 'Content-Type': blob.type }, body: blob }
      : { method: 'DELETE' });
    if (answer?.ok) await this.#core.call(0, 'avatar.told', { media: value.media });
  }

  /* ---- the stream ---- */

  async #listen(): Promise<void> {
    if (this.#stream || this.#stopped) return;
    const control = this.#stream = new AbortController();
    try {
      if (!await this.#read(control.signal)) return;
    } catch (error) {
      if (error instanceof EngineError) this.#listener.failed(error);
    } finally {
      control.abort();
      this.#stream = null;
    }
    if (!this.#stopped && navigator.onLine) this.#backOff(AGAIN_MS);
  }

  /* False: signed out there. */
  async #read(signal: AbortSignal): Promise<boolean> {
    const { value } = await this.#core.call<{ since: string | null }>(0, 'session.since');
    const since = encodeURIComponent(value.since ?? '');
    const answer = await fetch(`/api/v1/sync/stream?since=${since}`, { signal,
      credentials: 'same-origin',
      headers: { 'X-Client-Id': this.#device, Accept: 'text/event-stream' } });
    if (answer.status === 401 || answer.status === 403) {
      this.#listener.state({ phase: 'stopped' });
      return false;
    }
    const reader = answer.ok ? answer.body?.getReader() : undefined;
    while (reader && !this.#stopped) {
      const { done, value: bytes } = await reader.read();
      if (done) break;
      const fed = await this.#core.call<{ over: boolean }>(0, 'session.feed', {}, bytes);
      this.#wait = 0;
      this.#listener.changed();
      if (fed.value.over) break;
      this.nudge(false); // it may want to send
    }
    return true;
  }
}
