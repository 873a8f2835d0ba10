/* Asking the server for a picture of oneself in clothes. What goes into it the engine says, and the
 * server looks at each once more. */
import { app } from './app.svelte.ts';
import { device } from './device.svelte.ts';
import { engine } from './engine.ts';
import { ask, ServerError } from './server.ts';
import type { EngineState, LiveState, Methods, Readable, Row } from '../engine/engine.ts';

export type Quality = 'low' | 'medium' | 'high';
/** Cost units of one picture. */
export const units: Record<Quality, number> = { low: 3, medium: 10, high: 25 };
export type Plan = Methods['try.plan']['result'];
export type Target = { outfit: string } | { garment: string };

const TOLD_MS = 20_000; // for what is new here to reach the server
const COMES_MS = 30_000; // for the row to come from there

export function planned(target: Target, words = ''): Promise<Plan> {
  return engine.call('try.plan', { ...target, prompt: words.trim() });
}

/** Whether it came to that in time. */
function until<T>(store: Pick<Readable<T>, 'subscribe'>, good: (value: T) => boolean, ms: number):
    Promise<boolean> {
  return new Promise((resolve) => {
    let stop: (() => void) | null = null;
    let over = false;
    const end = (value: boolean) => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      resolve(value);
      stop?.();
    };
    const timer = setTimeout(() => end(false), ms);
    stop = store.subscribe((value) => { if (good(value)) end(true); });
    if (over) stop();
  });
}

export interface Wish {
  space: string;
  plan: Plan;
  target: Target;
  quality: Quality;
  share: boolean;
}
interface Made { images: { id: string; mediaId: string }[] }

/** The media id of the picture. The server wrote its row; the prompt is ours to write, as it is
 *  sealed here. */
export async function generate(wish: Wish): Promise<string> {
  const told = ({ sync }: EngineState) => sync.pending + sync.uploads === 0;
  if (!told(app.engine)) {
    await engine.call('sync.now', {});
    await until(engine.state, told, TOLD_MS);
  }
  const prompt = wish.plan.prompt ?? '';
  const made = (await ask<Made>('/api/v1/picture/generate-with-reference', 'POST', {
    spaceId: wish.space, prompt, referenceMediaIds: wish.plan.media, quality: wish.quality,
    size: wish.plan.size, n: 1, visibility: wish.share ? 'space' : 'private',
    language: device.language,
    ...('outfit' in wish.target ? { wardrobeOutfitId: wish.target.outfit }
      : { wardrobeGarmentId: wish.target.garment }),
  })).images[0];
  if (!made) throw new ServerError('PROVIDER_FAILED', 502, '');
  void keepPrompt(made.id, prompt, wish.space);
  return made.mediaId;
}

async function keepPrompt(id: string, prompt: string, space: string): Promise<void> {
  const row = engine.live<Row>('SELECT id FROM images WHERE id = ?', [id]);
  const there = (now: LiveState<Row>) =>
    now.state === 'rows' && now.space === space && now.rows.length > 0;
  if (!await until(row, there, COMES_MS)) return;
  await engine.call('try.prompt', { id, prompt }).catch((reason: unknown) => app.fail(reason));
}
