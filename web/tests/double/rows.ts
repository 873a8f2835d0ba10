/* What the double answers: names that would be markup if somebody were careless. */
import type { Space, Value } from '../../src/engine/types.ts';

const hostile = '<img src=x onerror="window.hacked=1">';
const space = (id: string, slug: string, name: string, type: Space['type'],
  role: Space['role']): Space => ({ id, slug, name, type, role, offline: false, ready: true });
export const spaces: Space[] = [
  space('p', 'lena', 'Lena', 'personal', 'owner'),
  space('f', 'familie', `Familie ${hostile}`, 'family', 'owner'),
  space('c', 'ruderverein', 'Ruderverein', 'club', 'member'),
];

type Row = Record<string, Value>;
const kinds = ['face', 'fullbody', 'halfbody', 'reference'];

function pictures(of: string, count: number): Row[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `${of}-picture-${i}`, spaceId: of, mediaId: `${of}${i}`, kind: kinds[i % 4] ?? 'face',
    label: i === 2 ? hostile : i === 3 ? null : `Bild ${i}`, tags: JSON.stringify([hostile]),
    ai: i % 2, subjectId: of === 'c' ? 'mia' : 'lena', authorId: 'lena',
    visibility: i === 1 ? 'private' : 'space', createdAt: '2026-05-10T10:00:00Z',
  }));
}

const sorts = ['outerwear', 'top', 'shoes', 'glasses', 'unheard-of'];
const garments: Row[] = sorts.map((category, i) => ({
  id: `garment-${i}`, name: i === 1 ? hostile : `Stück ${i}`, category,
  mediaIds: JSON.stringify([`p${i}`, 'p0']), brand: 'Ostsee', color: null, size: null,
  material: null, notes: null, tags: '[]', purchasedAt: null, priceCents: 12990, currency: 'EUR',
  isArchived: i === 2 ? 1 : 0, wearCount: i, lastWornAt: i ? '2026-11-20' : null,
}));
const outfits: Row[] = [{
  id: 'outfit-0', name: hostile, description: null, occasion: 'casual', season: '["autumn"]',
  garmentIds: '["garment-0","garment-1","garment-gone"]', isFavorite: 1, isArchived: 0,
  lastWornAt: null, lastTryOn: null,
}];
const tasks: Row[] = [
  { id: 'task-0', spaceId: 'p', title: hostile, isCompleted: 0, dueDate: '2020-01-01' },
  { id: 'task-1', spaceId: 'p', title: 'Drei Bilder aussuchen', isCompleted: 0, dueDate: null },
  { id: 'task-2', spaceId: 'p', title: 'Erledigt', isCompleted: 1, dueDate: null },
];
const pool: Record<string, Row[]> = { p: pictures('p', 7), f: [], c: pictures('c', 3) };
const held: Row[] = [
  { slot: 'face-ref', imageId: 'p-picture-0', mediaId: 'p0', ai: 1 },
  { slot: 'body-ref', imageId: 'p-picture-1', mediaId: 'p1', ai: 1 },
];

function inSpace(table: string, of: string): Row[] {
  switch (table) {
    case 'meImages': return pool[of] ?? [];
    case 'meSlots': return of === 'p' ? held : [];
    case 'wardrobeGarments': return of === 'p' ? garments : [];
    case 'wardrobeOutfits': return of === 'p' ? outfits : [];
    case 'wardrobeWears': return [
      { id: 'wear-0', wornAt: '2026-11-20', outfit: hostile, outfitId: 'outfit-0' },
      { id: 'wear-1', wornAt: '2026-10-02', outfit: null, outfitId: null }];
    case 'tasks': return of === 'p' ? tasks : [];
    case 'tags': return [{ id: 'tag-0', spaceId: of, name: hostile, color: null, icon: null }];
    case 'taskTags': return [{ taskId: 'task-0', tagId: 'tag-0' }];
    case 'workbenchScenes': return [{ id: 'scene', name: 'Übersicht' }];
    default: return [];
  }
}

export function rows(sql: string, params: Value[], of: string | null): Row[] {
  const table = /FROM (\w+)/.exec(sql)?.[1] ?? '';
  const all = of ? inSpace(table, of) : ['p', 'f', 'c'].flatMap((one) => inSpace(table, one));
  if (sql.includes('GROUP BY spaceId'))
    return spaces.map((one) => ({ spaceId: one.id, n: inSpace(table, one.id).length }));
  return sql.includes('WHERE id = ?') ? all.filter((one) => one.id === params[0]) : all;
}
