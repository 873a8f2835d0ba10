/* Signing in and out: the server opens the session, then the engine makes this device the
 * account's. */
import { engine } from './engine.ts';
import { device } from './device.svelte.ts';
import { server } from './server.ts';

/** Whether a guest's data is here that somebody should decide about. */
export async function guestHasData(): Promise<boolean> {
  return (await engine.call('account.guest', {})).data;
}

export async function join(take: boolean, key?: { passphrase?: string; code?: string }):
    Promise<number> {
  const made = await engine.call('account.join', { take, ...key });
  device.guest = false;
  return made.rows;
}

export async function leave(erase: boolean): Promise<void> {
  try {
    await server.signOut();
  } finally { // offline too: this device is the account's no more
    await engine.call('account.leave', { erase });
    device.guest = false;
  }
}
