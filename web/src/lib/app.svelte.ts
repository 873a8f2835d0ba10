/* What the whole page knows: the engine's state, the space that the address names, and what is to
 * be said for a moment. */
import { fromStore } from 'svelte/store';
import { engine, EngineError } from './engine.ts';
import { known, t, type Key, type Words } from './i18n.svelte.ts';
import { router, spaceAddress, type SpacePage } from './router.svelte.ts';
import { ServerError } from './server.ts';
import type { Space } from '../engine/engine.ts';

export interface Toast {
  id: number;
  text: string;
  bad: boolean;
  action?: { label: string; run: () => void };
}

interface Kept { slug: string; name: string; type: Space['type'] }

class App {
  #engine = fromStore(engine.state);
  #next = 1;
  #asked = '';
  #kept: Kept | null = null;
  toasts = $state<Toast[]>([]);

  get engine() { return this.#engine.current; }
  account = $derived(this.engine.account);
  spaces = $derived(this.engine.spaces);
  personal = $derived(this.spaces.find((one) => one.type === 'personal') ?? null);
  /** The space that the engine has open. */
  active = $derived(this.spaces.find((one) => one.id === this.engine.space) ?? null);
  /** The space that the address names; null: none, or none of ours. */
  named = $derived.by((): Space | null => {
    const at = router.place;
    if (at.name !== 'space') return null;
    return this.spaces.find((one) => one.slug === at.slug || one.id === at.slug) ?? null;
  });
  /** The space that is shown: named and open. */
  here = $derived(this.named && this.named.id === this.engine.space ? this.named : null);

  start(): void {
    engine.start().catch((reason: unknown) => this.fail(reason));
  }

  /* The address leads and the engine follows. If the space has gone from under an address that was
   * good (taken over by the server, renamed, left), the address follows the engine. */
  follow(): void {
    const at = router.place;
    if (at.name !== 'space') {
      this.#kept = null;
      return;
    }
    if (!this.named) {
      if (this.#kept?.slug === at.slug) this.#move(at.page, this.#kept);
      return;
    }
    this.#kept = { slug: at.slug, name: this.nameOf(this.named), type: this.named.type };
    this.#use(this.named);
    if (this.named.slug !== at.slug)
      router.go(spaceAddress(this.named.slug, at.page, at.id ?? ''), { replace: true });
  }

  #use(space: Space): void {
    if (space.id === this.engine.space || this.#asked === space.id) return;
    this.#asked = space.id;
    engine.call('space.use', { space: space.id })
      .catch((reason: unknown) => this.fail(reason))
      .finally(() => { this.#asked = ''; });
  }

  #move(page: SpacePage, from: Kept): void {
    const to = this.active ?? this.personal;
    if (!to) return;
    this.#kept = null;
    if (to.type === 'personal' && from.type !== 'personal')
      this.say(t('space.left', { name: from.name }));
    router.go(spaceAddress(to.slug, page === 'garment' || page === 'outfit' ? 'wardrobe' : page),
              { replace: true });
  }

  enter(space: Space, page: SpacePage = 'today'): void {
    router.go(spaceAddress(space.slug, page));
  }

  /** What is a person's name for a space. */
  nameOf(space: Space): string {
    return space.type === 'personal' ? t('space.personal') : space.name;
  }

  say(text: string, action?: Toast['action']): void {
    this.#toast({ text, bad: false, action }, action ? 10_000 : 5_000);
  }

  fail(reason: unknown): void {
    this.#toast({ text: explain(reason), bad: true }, 10_000);
  }

  close(id: number): void {
    this.toasts = this.toasts.filter((one) => one.id !== id);
  }

  #toast(toast: Omit<Toast, 'id'>, ms: number): void {
    const id = this.#next++;
    this.toasts = [...this.toasts.slice(-2), { id, ...toast }];
    setTimeout(() => this.close(id), ms);
  }
}

/** Why something failed, in the reader's language where we have words for it. */
export function explain(reason: unknown, words?: Words): string {
  if (reason instanceof EngineError || reason instanceof ServerError) {
    const key = `error.${reason.code}`;
    if (known(key)) return t(key as Key, words);
    return reason.message || t('error.unknown');
  }
  return reason instanceof Error && reason.message ? reason.message : t('error.unknown');
}

/** Runs a deed and says what it failed with. */
export async function attempt(deed: () => Promise<unknown>): Promise<boolean> {
  try {
    await deed();
    return true;
  } catch (reason) {
    app.fail(reason);
    return false;
  }
}

export const app = new App();
