/* Whether this server has agents: their page is there only if it answers. What it last answered is
 * remembered, so that the way to them does not appear under somebody's finger. */
import { device } from './device.svelte.ts';
import { ask, ServerError } from './server.ts';

class Agents {
  #account = $state<string | null>(null);
  get there() { return this.#account !== null && device.agents; }

  look(account: string | null): void {
    if (this.#account === account) return;
    this.#account = account;
    if (!account) return;
    ask('/api/v1/agents').then(() => { device.agents = true; }, (reason: unknown) => {
      if (reason instanceof ServerError && reason.status === 404) device.agents = false;
    });
  }
}

export const agents = new Agents();
