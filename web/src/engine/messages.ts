/* What page, worker and leader say to each other. */
import type { EngineState, Row, Value } from './types.ts';

export type Scope = 'space' | 'across' | 'own';
export interface Watch { id: number; scope: Scope; sql: string; params: Value[] }
export type Change = ['r', 0] | ['n', 0] | ['i', number, Row] | ['u', number, Row]
  | ['m', number, number] | ['d', number];
export interface Batch { watch: number; space: string | null; changes: Change[] }
export interface Failure { code: string; message: string }

/** Of a tab to the leader. `request`: never run twice. */
export interface Ask {
  kind: 'ask';
  tab: string;
  request: string;
  method: string;
  args: Record<string, unknown>;
  blob?: Blob;
}
/** A tab makes itself known to a leader, with all that it watches. */
export interface Hello { kind: 'hello'; tab: string; space: string | null; watches: Watch[] }
export interface Bye { kind: 'bye'; tab: string }
/** The network is back, or the page is looked at again: of the page, which hears of it surely. */
export interface Awake { kind: 'awake' }
export type ToLeader = Ask | Hello | Bye | Awake;

export interface Reply {
  kind: 'reply';
  tab: string;
  request: string;
  value?: unknown;
  error?: Failure;
}
export interface Batches { kind: 'batches'; tab: string; batches: Batch[] }
export interface WatchFailed { kind: 'watch-failed'; tab: string; watch: number; error: Failure }
export interface Leading { kind: 'leading'; version: string }
/** What all tabs share of the state. */
export type Shared = Pick<EngineState,
  'phase' | 'error' | 'storage' | 'account' | 'spaces' | 'sync' | 'notices'>;
export interface News { kind: 'news'; shared: Shared }
export type FromLeader = Reply | Batches | WatchFailed | Leading | News;

/** Between the page and its own worker. */
export type FromPage = { kind: 'start'; tab: string; secure: boolean; account?: string } | Ask
  | Hello | Bye | Awake;
export type ToPage = FromLeader | { kind: 'role'; role: 'leader' | 'follower' }
  | { kind: 'other-version' };
