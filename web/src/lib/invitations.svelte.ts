/* Invitations that wait for this account. */
import { server, type InvitationToMe } from './server.ts';

class Invitations {
  open = $state<InvitationToMe[]>([]);
  #asked: string | null = null;

  look(account: string | null): void {
    if (this.#asked === account) return;
    this.#asked = account;
    this.open = [];
    if (!account) return;
    server.myInvitations().then((all) => {
      if (this.#asked === account) this.open = all.filter((one) => one.status === 'pending');
    }, () => undefined);
  }

  again(): void {
    const account = this.#asked;
    this.#asked = null;
    this.look(account);
  }
}

export const invitations = new Invitations();
