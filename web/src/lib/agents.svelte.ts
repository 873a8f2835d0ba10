/* Whether this server has agents: their page is there only if it answers. */
import { ask } from './server.ts';

class Agents {
  there = $state(false);
  #asked = '';

  look(account: string | null): void {
    if (this.#asked === (account ?? '')) return;
    this.#asked = account ?? '';
    this.there = false;
    if (!account) return;
    ask('/api/v1/agents').then(() => { this.there = true; }, () => undefined);
  }
}

export const agents = new Agents();
