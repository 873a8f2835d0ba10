/* The seam between the page and the engine: what the page may ask, and what it gets. */
import type { Methods } from './methods.ts';

/** What a Svelte store offers; the page needs nothing else to show a value that changes. */
export interface Readable<T> {
  subscribe(run: (value: T) => void): () => void;
}

export type Value = string | number | null;
/** A row by its columns' names, as the statement named them. */
export type Row = Record<string, Value>;

export type LiveState<T> =
  | { state: 'loading' }
  | { state: 'not-ready' }
  | { state: 'failed'; error: EngineError }
  | { state: 'rows'; rows: T[]; space: string | null };
export type Live<T> = Readable<LiveState<T>>;

/** `code` is one of the codes of include/raum/error.h ("NOT_FOUND"); `message` is for people. */
export class EngineError extends Error {
  code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = 'EngineError';
    this.code = code;
  }
}

export type SpaceType = 'personal' | 'brand' | 'club' | 'family' | 'team' | 'practice';
export interface Space {
  id: string;
  slug: string;
  name: string;
  type: SpaceType;
  role: 'owner' | 'admin' | 'member';
  /** Made here, the server does not know it yet. */
  offline: boolean;
  /** False while a part of it is still on the server only. */
  ready: boolean;
}

export interface Sync {
  phase: 'idle' | 'sending' | 'waiting' | 'offline' | 'stopped';
  /** Rows of all spaces together. */
  pending: number;
  parked: number;
  /** Spaces that were left with something unsent. */
  quarantined: number;
  conflicts: number;
  /** About how many rows are still to come. */
  coming: number;
  /** Pictures whose bytes are still to be sent. */
  uploads: number;
  /** Pictures that the server refused: `upload.refused` says which, and why. */
  refused: number;
  trouble?: string;
  /** Why pictures wait. */
  picturesWait?: string;
}

/** plain-http: no durable storage and no locks. no-locks: this browser cannot share between tabs.
 *  no-storage, quota: in memory only. not-persisted: the browser may clear it when it needs room.
 *  newer-version: another tab runs a newer page. */
export type Notice = 'plain-http' | 'private-window' | 'no-storage' | 'quota' | 'not-persisted'
  | 'no-locks' | 'newer-version' | 'vault-locked';

export interface EngineState {
  phase: 'starting' | 'ready' | 'failed';
  error?: { code: string; message: string };
  role: 'leader' | 'follower' | null;
  storage: 'opfs' | 'memory';
  notices: Notice[];
  /** null: a guest. */
  account: { id: string; email?: string; name?: string } | null;
  /** Of this tab. */
  space: string | null;
  spaces: Space[];
  sync: Sync;
}

export type Variant = 'thumb' | 'medium' | 'original';
export interface AddPicture {
  purpose: 'me' | 'wardrobe';
  /** The file's name, from which a name for the picture is made. */
  file?: string;
  /** me: */
  kind?: string;
  label?: string;
  tags?: string[];
  slot?: string;
  ai?: boolean;
  private?: boolean;
}
export interface AddedPicture {
  /** me: the row's id. wardrobe: what garment.add takes in `photos`. */
  id: string;
  kind?: string;
  width: number;
  height: number;
}

export interface Engine {
  start(options?: { account?: string }): Promise<void>;
  state: Readable<EngineState>;
  call<M extends keyof Methods>(method: M, args: Methods[M]['args']): Promise<Methods[M]['result']>;
  /** Of the space that this tab is in. A switch resets to loading at once; rows of another space
   *  are never shown. */
  live<T = Row>(sql: string, params?: Value[]): Live<T>;
  /** Read-only, over all spaces. */
  across<T = Row>(sql: string, params?: Value[]): Live<T>;
  /** The account's own tables (userSettings, userContext, userTagPresets). */
  own<T = Row>(sql: string, params?: Value[]): Live<T>;
  media: {
    add(blob: Blob, options: AddPicture): Promise<AddedPicture>;
    /** An object URL, of this device's copy if it has one. Give it back with `release`. */
    url(mediaId: string, variant: Variant, space?: string): Promise<string>;
    release(url: string): void;
  };
}
