/* The engine beside Dexie, in one page, on the same rows: what `npm run bench` measures. Each
 * number is a median; the two take turns, so that whatever else the machine does hits both. */
import Dexie, { type EntityTable } from 'dexie';
import { engine, type Row } from '../src/engine/engine.ts';

const SPACES = 500;
const EACH = 200;
const SQL = 'SELECT id, title, description, isCompleted, dueDate, priority, sortOrder FROM tasks';

interface Task {
  id: string; spaceId: string; kind: string; title: string; description: string;
  isCompleted: boolean; dueDate: string; priority: number; sortOrder: number;
}
interface Result { what: string; raum: number; dexie: number; ratio: number; wanted: number }

function rowsOf(space: number, from = 0, count = EACH): Omit<Task, 'spaceId' | 'kind'>[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `t-${space}-${from + i}`, title: `Task ${from + i} of ${space}`,
    description: `What is to be done in space ${space}, in some more words: `.repeat(3),
    isCompleted: i % 3 === 0, dueDate: '2026-04-01T08:00:00.000Z', priority: i % 5,
    sortOrder: from + i,
  }));
}
const median = (times: number[]) => times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0;
async function timed(deed: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await deed();
  return performance.now() - start;
}
async function compare(what: string, wanted: number, rounds: number, raum: () => Promise<unknown>,
                       dexie: () => Promise<unknown>): Promise<Result> {
  const times: [number[], number[]] = [[], []];
  for (let i = 0; i < rounds; i++) {
    times[0].push(await timed(raum));
    times[1].push(await timed(dexie));
  }
  const [a, b] = [median(times[0]), median(times[1])];
  return { what, raum: a, dexie: b, ratio: b / a, wanted };
}

class Peer extends Dexie {
  tasks!: EntityTable<Task, 'id'>;
  constructor() {
    super('bench', { chromeTransactionDurability: 'strict' });
    this.version(1).stores({ tasks: 'id, spaceId, [spaceId+kind]' });
  }
}

async function spaces(peer: Peer): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < SPACES; i++) {
    const space = await engine.call('space.create', { name: `Space ${i}`, type: 'team' });
    ids.push(space.id);
    await engine.call('space.use', { space: space.id });
    await engine.call('insert.many', { table: 'tasks', rows: rowsOf(i) });
    await peer.tasks.bulkAdd(rowsOf(i)
      .map((row) => ({ ...row, spaceId: space.id, kind: 'task' })));
  }
  return ids;
}

async function run(): Promise<Result[]> {
  const peer = new Peer();
  const ids = await spaces(peer);
  const here = ids[SPACES >> 1]!;
  await engine.call('space.use', { space: here });
  const read = async () => {
    const rows: Row[] = await engine.call('query', { sql: SQL });
    if (rows.length !== EACH) throw new Error(`${rows.length} rows`);
  };
  const results = [
    await compare(`read ${EACH} of ${SPACES * EACH} rows, beside a filter`, 100, 9, read,
      () => peer.tasks.filter((task) => task.spaceId === here).toArray()),
    await compare('… beside a compound index', 3, 31, read,
      () => peer.tasks.where('[spaceId+kind]').equals([here, 'task']).toArray()),
  ];
  let next = 0;
  results.push(await compare('1,000 new rows from JSON', 8, 7,
    () => engine.call('insert.many', { table: 'tasks', rows: rowsOf(9000, next += 1000, 1000) }),
    () => peer.tasks.bulkAdd(rowsOf(9000, next, 1000)
      .map((row) => ({ ...row, spaceId: 'more', kind: 'task' })))));
  const id = `t-${SPACES >> 1}-7`;
  results.push(await compare('100 durable updates, one after the other', 4, 5, async () => {
    for (let i = 0; i < 100; i++)
      await engine.call('update', { table: 'tasks', id, fields: { priority: next++ } });
  }, async () => {
    for (let i = 0; i < 100; i++) await peer.tasks.update(id, { priority: next++ });
  }));
  return results;
}

/* ---- what another device then fetches ---- */

async function fill(rows: number): Promise<void> {
  for (let from = 0; from < rows; from += 1000)
    await engine.call('insert.many', { table: 'tasks', rows: rowsOf(0, from, 1000) });
}

const main = { long: 0, longest: 0, frames: 0, gap: 0 };
/* Notes every long task and every frame of the main thread from now on. */
function look(): void {
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      main.long++;
      main.longest = Math.max(main.longest, duration);
    }
  }).observe({ type: 'longtask' });
  let last = performance.now();
  const frame = () => {
    const now = performance.now();
    main.gap = Math.max(main.gap, now - last);
    main.frames++;
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  engine.live('SELECT id, title FROM tasks ORDER BY sortOrder LIMIT 200').subscribe(() => {});
}

Object.assign(window, { engine, started: engine.start(), run, fill, look, seen: () => main });
