/* The leader's other conversation with the server, about pictures: carries what the engine asks by
 * fetch, one request at a time, while rows go their own way. Decides nothing about pictures. */
import { ask } from './server.ts';
import type { Sync } from './types.ts';
import type { Core } from './core.ts';

interface Step {
  action: 'ask' | 'wait' | 'idle' | 'stopped';
  method: string | null;
  path: string | null;
  headers: [string, string][];
  until: number | null;
  trouble: string | null;
}
export interface MediaListener {
  /** Counts may have changed, or a picture has come. */
  changed(): void;
  state(sync: Partial<Sync>): void;
  failed(error: unknown): void;
}

const FETCH_MS = 60_000; // of one request; parts are small
const AGAIN_MS = 5000; // after an error of this device
const TIMER_MAX_MS = 0x7fffffff;

export class MediaSync {
  #core: Core;
  #device: string;
  #listener: MediaListener;
  #stopped = false;
  #anew = true;
  #again = false;
  #running: Promise<void> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking: AbortController | null = null;

  constructor(core: Core, device: string, listener: MediaListener) {
    this.#core = core;
    this.#device = device;
    this.#listener = listener;
    self.addEventListener('online', this.#online);
  }

  #online = () => this.restart();

  async stop(): Promise<void> {
    this.#stopped = true;
    self.removeEventListener('online', this.#online);
    clearTimeout(this.#timer);
    this.#asking?.abort();
    await this.#running;
    await this.#core.call(0, 'media.stop').catch(() => {});
  }

  /** There may be something to do. */
  nudge(): void {
    if (this.#stopped) return;
    if (this.#running) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#running = this.#round().catch((error: unknown) => this.#trouble(error)).finally(() => {
      this.#running = null;
      if (!this.#again) return;
      this.#again = false;
      this.nudge();
    });
  }

  /** Without waiting for what an earlier try made it wait for. */
  restart(): void {
    this.#anew = true;
    this.nudge();
  }

  /* Of this device: no room, damage. */
  #trouble(error: unknown): void {
    if (this.#stopped) return;
    this.#listener.failed(error);
    this.#anew = true;
    this.#later(Date.now() + AGAIN_MS);
  }

  #later(until: number): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.nudge(),
                             Math.min(TIMER_MAX_MS, Math.max(0, until - Date.now())));
  }

  async #begin(): Promise<void> {
    if (!this.#anew) return;
    this.#anew = false;
    await this.#core.call(0, 'media.hurry');
    await this.#core.call(0, 'media.start');
  }

  async #round(): Promise<void> {
    while (!this.#stopped) {
      await this.#begin();
      const { value: step, bytes } = await this.#core.call<Step>(0, 'media.next');
      if (step.action !== 'ask') {
        this.#listener.state({ picturesWait: step.trouble ?? undefined });
        if (step.until !== null) this.#later(step.until);
        return;
      }
      await this.#ask(step, bytes);
    }
  }

  async #ask(step: Step, body: Uint8Array): Promise<void> {
    const control = this.#asking = new AbortController();
    const timer = setTimeout(() => control.abort(), FETCH_MS);
    const answer = await ask(step.path!, { method: step.method!, signal: control.signal,
      headers: [...step.headers, ['X-Client-Id', this.#device]],
      body: body.length > 0 ? body as Uint8Array<ArrayBuffer> : undefined });
    const bytes = await answer?.arrayBuffer().catch(() => null);
    clearTimeout(timer);
    this.#asking = null;
    if (this.#stopped) return;
    const retry = Number(answer?.headers.get('Retry-After') ?? 0) * 1000;
    await this.#core.call(0, 'media.answer', { status: bytes ? answer!.status : 0,
      retryMs: retry || 0, headers: Object.fromEntries(answer?.headers ?? []) },
      bytes ? new Uint8Array(bytes) : new Uint8Array(0));
    this.#listener.changed();
  }
}
