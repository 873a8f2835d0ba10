/* What this browser remembers about how it is to look, and whether it was tried without account.
 * Kept in localStorage; where there is none, for as long as the page is open. */
export type Theme = 'system' | 'light' | 'dark';
export type Language = 'de' | 'en';

function read(key: string): string | null {
  try {
    return localStorage.getItem(`raum.${key}`);
  } catch {
    return null;
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(`raum.${key}`, value);
  } catch {
    // Nothing is kept; it still holds for this page.
  }
}

function firstLanguage(): Language {
  const kept = read('language');
  if (kept === 'de' || kept === 'en') return kept;
  for (const wish of navigator.languages) {
    if (wish.startsWith('de')) return 'de';
    if (wish.startsWith('en')) return 'en';
  }
  return 'en';
}

function firstTheme(): Theme {
  const kept = read('theme');
  return kept === 'light' || kept === 'dark' ? kept : 'system';
}

class Device {
  #language = $state<Language>(firstLanguage());
  #theme = $state<Theme>(firstTheme());
  #guest = $state(read('guest') === 'yes');
  #entered = $state(read('entered') === 'yes');
  #agents = $state(read('agents') === 'yes');

  get language() { return this.#language; }
  set language(value: Language) {
    this.#language = value;
    write('language', value);
  }

  get theme() { return this.#theme; }
  set theme(value: Theme) {
    this.#theme = value;
    write('theme', value);
  }

  /** Somebody chose to begin without an account. */
  get guest() { return this.#guest; }
  set guest(value: boolean) {
    this.#guest = value;
    write('guest', value ? 'yes' : 'no');
  }

  /** Somebody was signed in here when the engine was last asked: what to show until it answers. */
  get entered() { return this.#entered; }
  set entered(value: boolean) {
    if (value === this.#entered) return;
    this.#entered = value;
    write('entered', value ? 'yes' : 'no');
  }

  /** The server of this page had agents when it was last asked. */
  get agents() { return this.#agents; }
  set agents(value: boolean) {
    if (value === this.#agents) return;
    this.#agents = value;
    write('agents', value ? 'yes' : 'no');
  }
}

export const device = new Device();
