/* The pool as the page asks for it. */
import { engine } from './engine.ts';
import { app, attempt } from './app.svelte.ts';
import { t } from './i18n.svelte.ts';

export interface Picture {
  id: string;
  kind: string;
  label: string | null;
  tags: string | null;
  mediaId: string | null;
  ai: number;
  subjectId: string;
  authorId: string;
  visibility: string;
  createdAt: string;
}
export const pool =
  'SELECT id, kind, label, tags, mediaId, "usage.aiReference" AS ai, subjectId, authorId, '
  + 'visibility, createdAt FROM meImages ORDER BY createdAt DESC, id DESC LIMIT 1000';

export const kinds = ['face', 'fullbody', 'halfbody', 'hands', 'reference'] as const;
export type Kind = (typeof kinds)[number];
export const isKind = (text: string): text is Kind => kinds.some((one) => one === text);

export const slots = ['face-ref', 'body-ref'] as const;
export type Slot = (typeof slots)[number] | 'avatar';
/** Which slot the star of a picture of this kind claims. */
export const starSlot: Partial<Record<string, Slot>> = { face: 'face-ref', fullbody: 'body-ref' };
export const slotKind: Record<Slot, Kind> = {
  'avatar': 'face', 'face-ref': 'face', 'body-ref': 'fullbody',
};

/** Oneself, as rows name it. */
export function me(): string {
  return app.account?.id ?? 'guest';
}

export function nameOf(picture: Picture): string {
  if (picture.label) return picture.label;
  return isKind(picture.kind) ? t(`kind.${picture.kind}`) : t('picture.unnamed');
}

export async function remove(picture: Picture): Promise<void> {
  const gone = await attempt(() => engine.call('image.delete', { id: picture.id }));
  if (gone) app.say(t('picture.deleted'), {
    label: t('do.undo'),
    run: () => void attempt(() => engine.call('image.restore', { id: picture.id })),
  });
}
