/* What `engine.call` takes and gives. A method that writes does so in this tab's space, in one
 * transaction; the rows come by the live queries. Times are RFC 3339, days YYYY-MM-DD. */
import type { Space, SpaceType } from './types.ts';

interface Made { id: string }
interface One { id: string }
type Nothing = Record<string, never>;
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
/** A table's row as it is written: names of fields, leaf fields nested or dotted. */
export type Fields = { [field: string]: Json };

export interface GarmentFields {
  name?: string;
  category?: string;
  brand?: string;
  color?: string;
  size?: string;
  material?: string;
  notes?: string;
  purchased?: string;
  /** "49.90", "49,90 EUR". */
  price?: string;
  visibility?: 'space' | 'private';
  tags?: string[];
}
export interface OutfitFields {
  name?: string;
  description?: string;
  occasion?: string;
  season?: string[];
  tags?: string[];
  visibility?: 'space' | 'private';
}
export interface Parked { space: string; table: string; id: string; code: string }
export interface Conflict {
  id: number;
  space: string;
  table: string;
  row: string;
  field: string;
  /** What was written over. */
  value: Json;
  at: string;
  by: string;
}
export interface Quarantine {
  id: string;
  name: string;
  at: string;
  rows: number;
  pictures: number;
  locked: boolean;
}

export interface Methods {
  /* ---- spaces; what the server alone knows of them is asked on its routes ---- */
  'space.list': { args: Nothing; result: Space[] };
  'space.create': { args: { name: string; type: SpaceType }; result: Space };
  /** Slug or id; this tab's space from now on, and the device's at the next start. */
  'space.use': { args: { space: string }; result: Space };
  /** One that the server does not know yet; others by its route, and then `space.refresh`. */
  'space.rename': { args: { space: string; name: string }; result: Space };
  'space.delete': { args: { space: string }; result: null };
  /** Asks the server which spaces the account is in. */
  'space.refresh': { args: Nothing; result: null };

  /* ---- rows of any table ---- */
  insert: { args: { table: string; fields: Fields }; result: Made };
  /** All of them in one transaction, or none; their ids. */
  'insert.many': { args: { table: string; rows: Fields[] }; result: string[] };
  update: { args: { table: string; id: string; fields: Fields }; result: null };
  delete: { args: { table: string; id: string }; result: null };
  restore: { args: { table: string; id: string }; result: null };
  /** One row as members see it, deleted ones too. */
  get: { args: { table: string; id: string }; result: Fields };
  /** One SELECT, once. `across`: all spaces. */
  query: {
    args: { sql: string; params?: (string | number | null)[]; scope?: 'space' | 'across' | 'own' };
    result: { [column: string]: string | number | null }[];
  };

  /* ---- pictures of people (bytes: engine.media.add) ---- */
  'image.slot': { args: { id: string; slot: string }; result: null };
  'image.unslot': { args: { slot: string }; result: null };
  'image.ai': { args: { id: string; on: boolean }; result: null };
  /** All pictures of this space that are one's own. */
  'image.ai.off': { args: Nothing; result: { count: number } };
  'image.copy': { args: { id: string; to: string; ai?: boolean }; result: Made };
  'image.delete': { args: { id: string; forever?: boolean }; result: null };
  'image.restore': { args: { id: string }; result: null };

  /* ---- wardrobe ---- */
  /** `photos`: what engine.media.add gave with purpose wardrobe, the cover first. */
  'garment.add': { args: GarmentFields & { photos: string[] }; result: Made };
  'garment.set': { args: One & GarmentFields; result: null };
  'garment.archive': { args: { id: string; on: boolean }; result: null };
  'garment.delete': { args: { id: string; forever?: boolean }; result: null };
  'garment.restore': { args: One; result: null };
  'garment.show': { args: One; result: Fields };
  'garment.photo.add': { args: { id: string; photos: string[] }; result: null };
  'garment.photo.remove': { args: { id: string; media: string; forever?: boolean }; result: null };
  'garment.photo.first': { args: { id: string; media: string }; result: null };
  'outfit.create': { args: OutfitFields & { garments: string[] }; result: Made };
  'outfit.set': {
    args: One & OutfitFields & { add?: string[]; remove?: string[] }; result: null;
  };
  'outfit.favorite': { args: { id: string; on: boolean }; result: null };
  'outfit.archive': { args: { id: string; on: boolean }; result: null };
  'outfit.delete': { args: One; result: null };
  'outfit.restore': { args: One; result: null };
  'outfit.show': { args: One; result: Fields };
  'wear.garment': { args: { id: string; day: string }; result: Made };
  'wear.outfit': { args: { id: string; day: string }; result: Made & { garments: number } };
  'wear.remove': { args: One; result: null };
  /** Which pictures a try-on takes, in order, and what is asked for; or what is lacking. */
  'try.plan': {
    args: { outfit?: string; garment?: string; prompt?: string };
    result: {
      lack: 'garment' | 'person' | 'face' | 'consent' | null;
      media: string[];
      /** Garments that do not go along: gone, without a photograph, or without room. */
      leftOut: number;
      noFace: boolean;
      noBody: boolean;
      size: string;
      prompt: string | null;
    };
  };
  /** The prompt of a picture that the server made, sealed here. NOT_FOUND: no row yet. */
  'try.prompt': { args: { id: string; prompt: string }; result: null };

  /* ---- tags, tasks, scenes ---- */
  'tag.create': {
    args: { name: string; color?: string; icon?: string; group?: string }; result: Made;
  };
  'tag.delete': { args: One; result: null };
  'tag.group': { args: { name: string }; result: Made };
  'tag.preset.create': {
    args: {
      name: string; isDefault?: boolean;
      tags: { name: string; color?: string; icon?: string; groupName?: string }[];
    };
    result: Made;
  };
  /** Copies the preset's tags into this tab's space; what is there stays. */
  'tag.preset.copy': { args: { preset: string }; result: { made: number } };
  'task.add': { args: { title: string; due?: string; tags?: string[] }; result: Made };
  'task.done': { args: { id: string; on: boolean }; result: null };
  'task.delete': { args: One; result: null };
  /** Makes the first scene of a space that is one's own, once. */
  'scene.seed': { args: Nothing; result: null };
  'scene.create': { args: { name: string }; result: Made };
  'scene.use': { args: One; result: null };
  'scene.active': { args: Nothing; result: { id: string | null } };

  /* ---- oneself ---- */
  'me.get': { args: Nothing; result: Fields };
  'me.set': { args: { fields: Fields }; result: null };

  /* ---- account and keys. The page signs in and out by /api/auth; then it says so here. ---- */
  /** Has the guest of this browser anything that could be lost? */
  'account.guest': { args: Nothing; result: { data: boolean } };
  /** Signed in: this device becomes the account's. `take`: the guest's data comes along. LOCKED if
   *  the key ring on the server has a passphrase: again, with it or with a recovery code. */
  'account.join': {
    args: { take: boolean; passphrase?: string; code?: string };
    result: { account: string; moved: boolean; rows: number };
  };
  /** Signed out: a guest again. `erase`: nothing of the account stays in this browser. */
  'account.leave': { args: { erase: boolean }; result: null };
  'key.status': {
    args: Nothing;
    result: { keys: number; passphrase: boolean; vault: 'none' | 'server' | 'passphrase' };
  };
  /** Sets, changes or (null) takes away the passphrase of the copies on the server; a recovery code
   *  comes back, shown only now. */
  'key.passphrase': { args: { passphrase: string | null }; result: { code: string | null } };
  'key.unlock': { args: { passphrase?: string; code?: string }; result: null };
  /** The ring as text for paper. */
  'key.recovery': { args: Nothing; result: { text: string } };

  /* ---- sync ---- */
  'sync.now': { args: Nothing; result: null };
  'sync.status': {
    args: Nothing;
    result: { space: string; pending: number; parked: number; conflicts: number;
              coming: boolean }[];
  };
  'parked.list': { args: Nothing; result: Parked[] };
  'parked.retry': { args: { code?: string }; result: null };
  'conflict.list': { args: Nothing; result: Conflict[] };
  'conflict.restore': { args: { id: number; space: string }; result: null };
  'conflict.dismiss': { args: { id: number; space: string }; result: null };
  'quarantine.list': { args: Nothing; result: Quarantine[] };
  /** Into a new offline space of this account, which is given back. */
  'quarantine.restore': { args: One; result: { rows: number } };
  'quarantine.drop': { args: One; result: null };

  /** An archive of one space, or of everything: entries by name, in order (engine/archive.h). */
  export: { args: { space?: string }; result: { name: string; blob: Blob; rows: number } };
}
export type Method = keyof Methods;
