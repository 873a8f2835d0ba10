/* A double of the engine for tests of the page alone: fixed rows of three spaces, answered by the
 * table a statement names, as slowly as a test wishes. It keeps no rule and is in no build. */
import { EngineError } from '../../src/engine/types.ts';
import { rows, spaces } from './rows.ts';
import type { Engine, EngineState, Live, LiveState, Value } from '../../src/engine/types.ts';

export { EngineError };

interface Hooks {
  calls: { method: string; args: unknown }[];
  /** How long a query takes, in ms. */
  delay: number;
  fail: string | null;
  state: (change: Partial<EngineState>) => void;
}
declare global { interface Window { double: Hooks } }

const guest = new URLSearchParams(location.search).has('guest');
let state: EngineState = {
  phase: 'ready', role: 'leader', storage: 'opfs', notices: [],
  account: guest ? null : { id: 'lena', email: 'lena@example.org', name: 'Lena' },
  space: 'p', spaces: guest ? spaces.slice(0, 1) : spaces,
  sync: { phase: 'idle', pending: 0, parked: 1, quarantined: 1, conflicts: 1, coming: 0,
          uploads: 0, refused: 1 },
};
const watchers = new Set<(state: EngineState) => void>();
const queries = new Set<() => void>();

function change(more: Partial<EngineState>): void {
  const moved = more.space !== undefined && more.space !== state.space;
  state = { ...state, ...more };
  if (moved) queries.forEach((run) => run());
  watchers.forEach((run) => run(state));
}

window.double = { calls: [], delay: 0, fail: null, state: change };

/* Late answers of the former space come too, as from a query that was running: with its name on. */
function query<T>(sql: string, params: Value[], wide: boolean): Live<T> {
  return {
    subscribe(run: (value: LiveState<T>) => void): () => void {
      let open = true;
      const ask = () => {
        const space = wide ? null : state.space;
        run({ state: 'loading' });
        const answer = () => {
          if (open) run({ state: 'rows', rows: rows(sql, params, space) as T[], space });
        };
        if (window.double.delay) setTimeout(answer, window.double.delay);
        else answer();
      };
      queries.add(ask);
      ask();
      return () => { open = false; queries.delete(ask); };
    },
  };
}

const answers: Record<string, unknown> = {
  'scene.active': { id: 'scene' },
  'key.status': { keys: 1, passphrase: false, vault: 'server' },
  'account.guest': { data: false },
  'upload.refused': [{ space: 'f', id: 'f1', work: 'send', code: 'TOO_LARGE', note: null }],
  'parked.list': [{ space: 'f', table: 'tasks', id: 't', code: 'NOT_ALLOWED' }],
  'conflict.list': [{ id: 1, space: 'f', table: 'tasks', row: 't', field: 'title',
                      value: '<b onclick=alert(1)>Brot</b>', at: '2026-11-20T10:00:00Z',
                      by: 'mia' }],
  'quarantine.list': [{ id: 'q', name: 'Ruderverein', at: '2026-11-20T10:00:00Z', rows: 2,
                        pictures: 1, locked: false }],
};

/* A plain colour for each picture, so that a look at the screen tells whose it is. */
function paint(media: string): Promise<string> {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 64;
  const context = canvas.getContext('2d');
  if (context) {
    context.fillStyle = media.startsWith('p') ? '#a33' : media.startsWith('f') ? '#3a3' : '#33a';
    context.fillRect(0, 0, 64, 64);
  }
  return new Promise((resolve) => canvas.toBlob((blob) =>
    resolve(blob ? URL.createObjectURL(blob) : ''), 'image/png'));
}

export const engine = {
  async start() {},
  state: {
    subscribe(run: (state: EngineState) => void) {
      watchers.add(run);
      run(state);
      return () => watchers.delete(run);
    },
  },
  async call(method: string, args: { space?: string }) {
    window.double.calls.push({ method, args });
    if (window.double.fail === method) throw new EngineError('NOT_ALLOWED', 'no');
    if (method === 'space.use' && args.space) change({ space: args.space });
    return answers[method] ?? { id: 'made' };
  },
  live: <T>(sql: string, params: Value[] = []) => query<T>(sql, params, false),
  across: <T>(sql: string, params: Value[] = []) => query<T>(sql, params, true),
  own: <T>(sql: string, params: Value[] = []) => query<T>(sql, params, true),
  media: {
    async add() {
      await new Promise((resolve) => setTimeout(resolve, window.double.delay));
      window.double.calls.push({ method: 'media.add', args: {} });
      return { id: 'made', width: 1, height: 1 };
    },
    url: (media: string) => paint(media),
    release: (url: string) => URL.revokeObjectURL(url),
  },
} as unknown as Engine;
