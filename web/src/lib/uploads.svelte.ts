/* Files on their way into a space, one after the other. They belong to the space in which somebody
 * dropped them: once the tab has another one open, nothing more is taken in. */
import { app, explain } from './app.svelte.ts';
import { t, tn } from './i18n.svelte.ts';

export interface Upload {
  id: number;
  file: File;
  state: 'waiting' | 'working' | 'failed';
  trouble: string;
}
type Take = (file: File) => Promise<unknown>;

export class Uploads {
  items = $state<Upload[]>([]);
  total = $state(0);
  done = $state(0);
  #space: string;
  #take: Take;
  #running = false;
  #next = 1;
  #closed = false;

  constructor(space: string, take: Take) {
    this.#space = space;
    this.#take = take;
  }

  get busy() { return this.items.some((one) => one.state !== 'failed'); }
  get failed() { return this.items.filter((one) => one.state === 'failed'); }

  add(files: Iterable<File>): void {
    const fresh = [...files].filter((file) => !file.type || file.type.startsWith('image/'));
    if (!this.busy) this.total = this.done = 0;
    this.total += fresh.length;
    this.items.push(...fresh.map((file) =>
      ({ id: this.#next++, file, state: 'waiting' as const, trouble: '' })));
    void this.#run();
  }

  retry(id: number): void {
    const item = this.items.find((one) => one.id === id);
    if (item) item.state = 'waiting';
    void this.#run();
  }

  forget(id: number): void {
    this.items = this.items.filter((one) => one.id !== id);
  }

  close(): void {
    this.#closed = true;
    const left = this.items.filter((one) => one.state === 'waiting').length;
    if (left) app.say(tn('upload.stopped', left));
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    for (let item = this.#first(); item; item = this.#first()) await this.#one(item);
    this.#running = false;
    if (!this.#closed && this.done) app.say(t('upload.done'));
  }

  #first(): Upload | undefined {
    if (this.#closed || app.engine.space !== this.#space) return undefined;
    return this.items.find((one) => one.state === 'waiting');
  }

  async #one(item: Upload): Promise<void> {
    item.state = 'working';
    try {
      await this.#take(item.file);
      this.done += 1;
      this.forget(item.id);
    } catch (reason) {
      item.state = 'failed';
      item.trouble = explain(reason);
    }
  }
}
