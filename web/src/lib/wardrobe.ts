/* The wardrobe as the page asks for it. */
import { list } from './live.svelte.ts';

export const categories = ['top', 'bottom', 'dress', 'outerwear', 'shoes', 'bag', 'accessory',
  'glasses', 'jewelry', 'hat', 'other'] as const;
export type Category = (typeof categories)[number];
export const isCategory = (text: string): text is Category =>
  categories.some((one) => one === text);
export const occasions = ['casual', 'work', 'formal', 'workout', 'date', 'travel', 'event', 'sleep',
  'other'] as const;
export const seasons = ['spring', 'summer', 'autumn', 'winter'] as const;

export interface Garment {
  id: string;
  name: string | null;
  category: string;
  mediaIds: string;
  brand: string | null;
  color: string | null;
  size: string | null;
  material: string | null;
  notes: string | null;
  tags: string | null;
  purchasedAt: string | null;
  priceCents: number | null;
  currency: string | null;
  isArchived: number;
  wearCount: number;
  lastWornAt: string | null;
}
export const garments =
  'SELECT id, name, category, mediaIds, brand, color, size, material, notes, tags, purchasedAt, '
  + 'priceCents, currency, isArchived, wearCount, lastWornAt FROM wardrobeGarments';

export interface Outfit {
  id: string;
  name: string | null;
  description: string | null;
  garmentIds: string;
  occasion: string | null;
  season: string | null;
  isFavorite: number;
  isArchived: number;
  lastWornAt: string | null;
  lastTryOn: string | null;
}
export const outfits =
  'SELECT id, name, description, garmentIds, occasion, season, isFavorite, isArchived, lastWornAt, '
  + 'lastTryOn FROM wardrobeOutfits';

export function cover(garment: Garment): string | null {
  return list(garment.mediaIds)[0] ?? null;
}

/** A first name for a form, which somebody reads before it is kept: "blue_shirt.jpg" is
 *  "Blue Shirt". */
export function nameFromFile(file: string): string {
  return file.replace(/\.[^.]*$/, '').replace(/[_-]+/g, ' ').split(' ')
    .filter((word) => word && !/^\d{4,}$/.test(word))
    .map((word) => word.charAt(0).toLocaleUpperCase() + word.slice(1)).join(' ').slice(0, 80);
}

/** Today, where this device is. */
export function today(): string {
  const now = new Date();
  const two = (n: number) => `${n}`.padStart(2, '0');
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
}
