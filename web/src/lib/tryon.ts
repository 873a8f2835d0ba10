/* Asking the server for a picture of oneself in clothes. What it may use, it checks itself. */
import { app } from './app.svelte.ts';
import { engine } from './engine.ts';
import { ask, ServerError } from './server.ts';
import { cover, type Garment } from './wardrobe.ts';

export type Quality = 'low' | 'medium' | 'high';
/** Cost units of one picture. */
export const units: Record<Quality, number> = { low: 3, medium: 10, high: 25 };

const most = 8;
const onFace = new Set(['glasses', 'jewelry', 'hat', 'accessory']);

export interface Plan {
  ready: boolean;
  /** In order: face, body, garments. */
  media: string[];
  /** Garments that do not go along: there is room for eight pictures. */
  left: number;
  size: '1024x1024' | '1024x1536';
}

interface Held { slot: string; mediaId: string | null; ai: number }

export function plan(garments: Garment[], held: Held[]): Plan {
  const of = (slot: string) => held.find((one) => one.slot === slot && one.ai === 1)?.mediaId;
  const face = of('face-ref');
  const body = of('body-ref');
  const faceOnly = garments.length > 0 && garments.every((one) => onFace.has(one.category));
  const clothes = garments.flatMap((one) => cover(one) ?? []);
  const all = [...(face ? [face] : []), ...(body && !faceOnly ? [body] : []), ...clothes];
  return {
    ready: Boolean(face && (faceOnly || body)) && clothes.length > 0,
    media: all.slice(0, most),
    left: Math.max(0, all.length - most),
    size: faceOnly ? '1024x1024' : '1024x1536',
  };
}

interface Made {
  images: { mediaId: string }[];
  prompt: string;
  model: string;
  referenceMediaIds: string[];
}

export interface Wish {
  space: string;
  plan: Plan;
  target: { outfit: string } | { garment: string };
  quality: Quality;
  words: string;
  share: boolean;
}

/** The media id of the picture, whose row is then in the space it was asked for in. */
export async function generate(wish: Wish): Promise<string> {
  const made = await ask<Made>('/api/v1/picture/generate-with-reference', 'POST', {
    spaceId: wish.space, prompt: wish.words.trim() || 'The person wears these clothes.',
    referenceMediaIds: wish.plan.media, quality: wish.quality, size: wish.plan.size, n: 1,
  });
  const media = made.images[0]?.mediaId;
  if (!media || app.engine.space !== wish.space) throw new ServerError('NOT_FOUND', 404, '');
  await engine.call('insert', { table: 'images', fields: {
    mediaId: media, prompt: made.prompt, model: made.model, size: wish.plan.size,
    generationMode: 'reference', referenceMediaIds: made.referenceMediaIds,
    visibility: wish.share ? 'space' : 'private',
    ...('outfit' in wish.target ? { wardrobeOutfitId: wish.target.outfit }
      : { wardrobeGarmentId: wish.target.garment }),
  } });
  return media;
}
