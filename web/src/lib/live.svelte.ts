/* Live queries as runes. What a query has is shown only while it is of the space that the page is
 * of: the engine promises it, and here it is looked at once more. */
import { fromStore } from 'svelte/store';
import { app } from './app.svelte.ts';
import type { EngineError, Live, LiveState, Row } from '../engine/engine.ts';

export interface Watched<T> {
  /** loading: nothing is known yet. waiting: a part of the space is still on the server. */
  readonly phase: 'loading' | 'waiting' | 'failed' | 'rows';
  readonly rows: T[];
  readonly error: EngineError | null;
}

function watch<T>(make: () => Live<T>, fits: (state: LiveState<T>) => boolean): Watched<T> {
  const store = $derived(fromStore(make()));
  const state = $derived.by((): LiveState<T> => {
    const now = store.current;
    return fits(now) ? now : { state: 'loading' };
  });
  return {
    get phase() { return state.state === 'not-ready' ? 'waiting' : state.state; },
    get rows() { return state.state === 'rows' ? state.rows : []; },
    get error() { return state.state === 'failed' ? state.error : null; },
  };
}

/** Of the space that this tab is in. */
export function live<T = Row>(make: () => Live<T>): Watched<T> {
  return watch(make, (state) => state.state !== 'rows' || state.space === app.here?.id);
}

/** Of all spaces, or of the account. */
export function wide<T = Row>(make: () => Live<T>): Watched<T> {
  return watch(make, () => true);
}

/** A list as the engine gives it: JSON in a column. Each text once, whatever others wrote. */
export function list(text: string | null | undefined): string[] {
  if (!text) return [];
  try {
    const value: unknown = JSON.parse(text);
    if (!Array.isArray(value)) return [];
    return [...new Set(value.filter((one) => typeof one === 'string'))];
  } catch {
    return [];
  }
}
