/* Pictures as the page shows them: this device's bytes first, then the server's, which are kept.
 * Small ones are made here, when they are first asked for. */
import { ask, refused } from './server.ts';
import { EngineError, type Variant } from './types.ts';
import type { Core } from './core.ts';

interface Found {
  space: string;
  offline: boolean;
  path: string | null;
  original: string | null;
  /** Where the variant would lie. */
  place: string | null;
}
const SIDES = { thumb: 256, medium: 1024 } as const;
const QUALITY = 0.82;
const CACHE = '/raum/cache';

export class Media {
  #core: Core;
  #account: string;
  #asked = new Map<string, Promise<Blob>>();

  constructor(core: Core, account: string) {
    this.#core = core;
    this.#account = account;
  }

  #cached(space: string, id = '', variant = ''): string {
    const name = (text: string) => encodeURIComponent(text);
    return `${CACHE}/${name(this.#account)}/${name(space)}/${name(id)}${id ? `.${variant}` : ''}`;
  }

  /** Of the client's space, or of one that the account is in. */
  get(client: number, id: string, variant: Variant, space?: string): Promise<Blob> {
    const key = JSON.stringify([client, space ?? null, id, variant]);
    let asked = this.#asked.get(key);
    if (!asked) {
      asked = this.#find(client, id, variant, space).finally(() => this.#asked.delete(key));
      this.#asked.set(key, asked);
    }
    return asked;
  }

  async #find(client: number, id: string, variant: Variant, space?: string): Promise<Blob> {
    const { value: found } = await this.#core.call<Found>(client, 'media.find',
                                                           { id, variant, space });
    const files = this.#core.files;
    const here = found.path ? await files.blob(found.path) : null;
    if (here) return here;
    if (found.original && variant !== 'original') {
      const made = await this.#make(found, variant);
      if (made) return made;
    }
    const kept = await files.blob(this.#cached(found.space, id, variant));
    if (kept) return kept;
    if (found.offline || this.#account === 'guest')
      throw new EngineError('NOT_FOUND', 'this picture is not here');
    return this.#fetch(found.space, id, variant);
  }

  /* null: this browser cannot read the format; the server can. */
  async #make(found: Found, variant: 'thumb' | 'medium'): Promise<Blob | null> {
    const original = await this.#core.files.blob(found.original!);
    const small = original ? await shrink(original, SIDES[variant]) : null;
    if (small && found.place) await this.#keep(found.place, small);
    return small;
  }

  async #keep(path: string, blob: Blob): Promise<void> {
    const bytes = new Uint8Array(await blob.arrayBuffer());
    for (let i = 0; i < 2 && this.#core.files.put(path, bytes) !== 0; i++)
      await this.#core.files.fetch(); // one that cannot be kept is made again
    await this.#core.files.settle();
  }

  async #fetch(space: string, id: string, variant: Variant): Promise<Blob> {
    const part = variant === 'original' ? '' : `/${variant}`;
    const at = encodeURIComponent; // G-P7: an id counts in its own space only
    const answer = await ask(`/api/v1/media/${at(id)}${part}?space=${at(space)}`);
    if (!answer?.ok) throw await refused(answer);
    const blob = await answer.blob();
    const facts = answer.headers.get('raum-media');
    if (variant !== 'thumb' || !await this.#take(space, id, facts, blob))
      await this.#keep(this.#cached(space, id, variant), blob);
    return blob;
  }

  /* A small one that was to be fetched anyway is the engine's. */
  async #take(space: string, id: string, facts: string | null, blob: Blob): Promise<boolean> {
    const bytes = new Uint8Array(await blob.arrayBuffer());
    const { value } = await this.#core.call<{ kept: boolean }>(0, 'media.take',
                                                               { space, id, facts }, bytes);
    return value.kept;
  }

  /** What was kept of spaces that the account is in no more goes. */
  forget(spaces: string[]): void {
    const stay = new Set(spaces.map((space) => this.#cached(space)));
    const root = `${CACHE}/${encodeURIComponent(this.#account)}`;
    for (const entry of this.#core.files.list(root) ?? [])
      if (!stay.has(`${root}/${entry.slice(1)}/`))
        this.#core.files.removeAll(`${root}/${entry.slice(1)}/`);
  }

  erase(): void {
    this.#core.files.removeAll(`${CACHE}/${encodeURIComponent(this.#account)}/`);
  }
}

/** At most `side` pixels on the longer side, upright, as WebP. null: it cannot be read here. */
export async function shrink(blob: Blob, side: number): Promise<Blob | null> {
  let image: ImageBitmap;
  try {
    image = await createImageBitmap(blob, { imageOrientation: 'from-image' });
  } catch {
    return null;
  }
  const by = Math.min(1, side / Math.max(image.width, image.height));
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(image.width * by)),
                                     Math.max(1, Math.round(image.height * by)));
  const context = canvas.getContext('2d');
  if (!context) return null;
  context.imageSmoothingQuality = 'high';
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  image.close();
  return canvas.convertToBlob({ type: 'image/webp', quality: QUALITY });
}
