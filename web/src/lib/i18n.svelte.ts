/* Words of the interface, in the language of this device. Every text has a key in both tables;
 * `{name}` in a text is filled in, and a key with `.one` and `.other` goes by a number. */
import { en } from '../messages/en.ts';
import { device, type Language } from './device.svelte.ts';
import type { de } from '../messages/de.ts';

export type Key = keyof typeof en;
type Counted = Key extends infer K ? (K extends `${infer Base}.other` ? Base : never) : never;
export type Words = Record<string, string | number>;

export const languages: Record<Language, string> = { de: 'Deutsch', en: 'English' };
export type { Language };

/* German is fetched when somebody reads German: English is the fallback until then. */
let german = $state.raw<typeof de | null>(null);

export async function loadLanguage(language: Language): Promise<void> {
  if (language === 'de' && !german) german = (await import('../messages/de.ts')).de;
}

function fill(text: string, words?: Words): string {
  return words ? text.replace(/\{(\w+)\}/g, (all, key: string) => `${words[key] ?? all}`) : text;
}

export function t(key: Key, words?: Words): string {
  const table: Record<Key, string> = device.language === 'de' && german ? german : en;
  return fill(table[key], words);
}

export function known(key: string): key is Key {
  return key in en;
}

/** By number: `tn('pictures', 3)` is "3 pictures". */
export function tn(base: Counted, n: number, words?: Words): string {
  const rule = new Intl.PluralRules(device.language).select(n) === 'one' ? 'one' : 'other';
  return t(`${base}.${rule}` as Key, { n: count(n), ...words });
}

export function count(n: number): string {
  return new Intl.NumberFormat(device.language).format(n);
}

export function day(text: string | null | undefined): string {
  if (!text) return '';
  const date = new Date(text.length === 10 ? `${text}T00:00` : text);
  if (Number.isNaN(date.getTime())) return text;
  const year = date.getFullYear() === new Date().getFullYear() ? undefined : 'numeric';
  return new Intl.DateTimeFormat(device.language, { day: 'numeric', month: 'short', year })
    .format(date);
}

export function moment(text: string | number): string {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return `${text}`;
  return new Intl.DateTimeFormat(device.language, { dateStyle: 'medium', timeStyle: 'short' })
    .format(date);
}

export function money(cents: number, currency: string): string {
  try {
    return new Intl.NumberFormat(device.language, { style: 'currency', currency })
      .format(cents / 100);
  } catch { // a currency that nobody knows
    return `${(cents / 100).toFixed(2)} ${currency}`;
  }
}
