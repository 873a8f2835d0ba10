/* A live query as the page holds it: rows, changed as the leader says. */
import type { Batch, Scope, Watch } from './messages.ts';
import { EngineError, type Live, type LiveState, type Row, type Value } from './types.ts';

export class Watching<T> implements Live<T> {
  watch: Watch;
  #rows: Row[] | null = null;
  #state: LiveState<T> = { state: 'loading' };
  #runs = new Set<(state: LiveState<T>) => void>();
  #open: (watching: Watching<T>) => void;
  #close: (watching: Watching<T>) => void;

  constructor(id: number, scope: Scope, sql: string, params: Value[],
              open: (watching: Watching<T>) => void, close: (watching: Watching<T>) => void) {
    this.watch = { id, scope, sql, params };
    this.#open = open;
    this.#close = close;
  }

  subscribe(run: (state: LiveState<T>) => void): () => void {
    this.#runs.add(run);
    if (this.#runs.size === 1) this.#open(this as Watching<T>);
    run(this.#state);
    return () => {
      if (!this.#runs.delete(run) || this.#runs.size > 0) return;
      this.#close(this as Watching<T>);
      this.#rows = null;
      this.#state = { state: 'loading' };
    };
  }

  #set(state: LiveState<T>): void {
    this.#state = state;
    for (const run of [...this.#runs]) run(state);
  }

  /** Nothing is shown from now on; what was known comes back only by `show`. */
  hide(): void {
    if (this.#state.state !== 'loading') this.#set({ state: 'loading' });
  }

  /** A leader that is new, or another space: all comes anew. */
  reset(): void {
    this.#rows = null;
  }

  show(space: string | null): void {
    if (this.#rows && this.#state.state === 'loading')
      this.#set({ state: 'rows', rows: this.#rows as T[], space });
  }

  fail(error: EngineError): void {
    this.#set({ state: 'failed', error });
  }

  apply(batch: Batch): void {
    let rows = this.#rows?.slice() ?? null;
    for (const change of batch.changes) {
      if (change[0] === 'n') rows = null;
      else if (change[0] === 'r') rows = [];
      else if (!rows) continue; // begun before we asked
      else if (change[0] === 'i') rows.splice(change[1], 0, change[2]);
      else if (change[0] === 'u') rows[change[1]] = change[2];
      else if (change[0] === 'm') rows.splice(change[2], 0, ...rows.splice(change[1], 1));
      else rows.splice(change[1], 1);
    }
    this.#rows = rows;
    if (rows) this.#set({ state: 'rows', rows: rows as T[], space: batch.space });
    else if (batch.changes.some(([kind]) => kind === 'n')) this.#set({ state: 'not-ready' });
  }
}
