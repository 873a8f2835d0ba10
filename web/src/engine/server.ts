/* What the leader asks the server beside rows: who is signed in, keys, spaces. */
import { EngineError } from './types.ts';
import type { Core } from './core.ts';

export interface Person { id: string; email?: string; name?: string }
interface ServerSpace { id: string; type: string }
export interface Told { event: string; name: string; slug: string; quarantine?: string | null }

const TRIES = 4; // of a change that other devices' keys come in between

/** null: it cannot be reached. */
export async function ask(path: string, options: RequestInit = {}): Promise<Response | null> {
  try {
    return await fetch(path, { credentials: 'same-origin', ...options });
  } catch {
    return null;
  }
}

export async function whoIsSignedIn(): Promise<Person | null | 'unreachable'> {
  const answer = await ask('/api/auth/get-session');
  if (!answer || answer.status >= 500) return 'unreachable';
  if (!answer.ok) return null;
  const body = await answer.json() as { user?: Person } | null;
  return body?.user ?? null;
}

const json = (method: string, body: unknown): RequestInit => ({
  method, headers: { 'Content-Type': 'application/json' },
  body: typeof body === 'string' ? body : JSON.stringify(body),
});

export async function refused(answer: Response | null): Promise<EngineError> {
  if (!answer) return new EngineError('UNREACHABLE', 'the server cannot be reached');
  const body = await answer.json().catch(() => null) as
    { error?: { code?: string; message?: string } } | null;
  const code = answer.status === 401 ? 'NOT_ALLOWED' : 'UNREACHABLE';
  return new EngineError(body?.error?.code ?? code,
                         body?.error?.message ?? `the server answered ${answer.status}`);
}

/** Keys of this device that the server has no copy of go there, and its come here. */
export async function exchangeKeys(core: Core, account: string,
                                   secret: { passphrase?: string; code?: string } = {}):
    Promise<{ locked: boolean }> {
  const take = async (): Promise<{ locked: boolean; vault: Uint8Array }> => {
    const answer = await ask('/api/v1/vault');
    if (!answer?.ok) throw await refused(answer);
    const vault = new Uint8Array(await answer.arrayBuffer());
    const news = await core.call<{ locked: boolean }>(0, 'vault.take', { account }, vault);
    return { locked: news.value.locked, vault };
  };
  let now = await take();
  if (now.locked && (secret.passphrase || secret.code)) {
    await core.call(0, 'vault.unlock', { account, ...secret }, now.vault);
    now = await take();
  }
  if (now.locked) return now;
  await core.call(0, 'vault.start', { account });
  await core.call(0, 'vault.take', { account }, now.vault); // counts what waits by now
  for (;;) {
    const { value, bytes } = await core.call<{ id: string } | null>(0, 'vault.next', { account });
    if (!value) return now;
    const body = new TextDecoder().decode(bytes);
    const answer = await ask(`/api/v1/vault/${value.id}`, json('PUT', body));
    if (!answer?.ok) throw await refused(answer);
    await core.call(0, 'vault.confirm', { account, id: value.id });
  }
}

/** Another passphrase, or (null) none, of the copies on the server: the recovery code. */
export async function changePassphrase(core: Core, account: string, passphrase: string | null):
    Promise<string | null> {
  for (let i = 0;; i++) {
    await exchangeKeys(core, account);
    const { bytes } = await core.call(0, 'vault.change', { account, passphrase });
    const answer = await ask('/api/v1/vault', json('PUT', new TextDecoder().decode(bytes)));
    if (answer?.status === 409 && i < TRIES) continue;
    if (!answer?.ok) throw await refused(answer);
    return (await core.call<{ code: string | null }>(0, 'vault.changed', { account })).value.code;
  }
}

/** The list of spaces from there becomes true here; those made here become known there. */
export async function refreshSpaces(core: Core): Promise<Told[]> {
  const made: { local: string; id: string; slug: string }[] = [];
  const offline = (await core.call<{ localId: string }[]>(0, 'space.offline')).value;
  for (const space of offline) {
    const answer = await ask('/api/v1/spaces', json('POST', space));
    if (!answer || answer.status === 401 || answer.status >= 500) throw await refused(answer);
    if (!answer.ok) continue; // one that it does not take stays as it is
    const { id, slug } = await answer.json() as { id: string; slug: string };
    made.push({ local: space.localId, id, slug });
  }
  const answer = await ask('/api/v1/spaces');
  if (!answer?.ok) throw await refused(answer);
  const { spaces, epoch } = await answer.json() as { spaces: ServerSpace[]; epoch?: string };
  return (await core.call<Told[]>(0, 'space.reconcile', { spaces, made, epoch })).value;
}

/** The id of the personal space, as the server has it. */
export async function personalSpace(): Promise<string> {
  const answer = await ask('/api/v1/spaces');
  if (!answer?.ok) throw await refused(answer);
  const { spaces } = await answer.json() as { spaces: ServerSpace[] };
  const personal = spaces.find((space) => space.type === 'personal');
  if (!personal) throw new EngineError('CORRUPT', 'the account has no personal space');
  return personal.id;
}
