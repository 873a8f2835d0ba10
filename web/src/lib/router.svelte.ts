/* The address and what it names. Pages of a space lie below /@slug/, everything else beside. */
export type SpacePage = 'today' | 'pictures' | 'wardrobe' | 'garment' | 'outfits' | 'outfit'
  | 'people' | 'agents';
export type Place =
  | { name: 'start' | 'home' | 'login' | 'signup' | 'new' | 'settings' | 'devices' | 'invitation'
      | 'nowhere' }
  | { name: 'space'; slug: string; page: SpacePage; id: string | null };

const paths: Record<string, Exclude<Place['name'], 'space' | 'nowhere'>> = {
  '/': 'start',
  '/all': 'home',
  '/login': 'login',
  '/signup': 'signup',
  '/new': 'new',
  '/settings': 'settings',
  '/devices': 'devices',
  '/accept-invitation': 'invitation',
};
const spacePaths: Record<string, SpacePage> = {
  '': 'today',
  'today': 'today',
  'profile/me-images': 'pictures',
  'wardrobe': 'wardrobe',
  'wardrobe/outfits': 'outfits',
  'members': 'people',
  'agents': 'agents',
};

export function place(path: string): Place {
  const plain = path.length > 1 ? path.replace(/\/$/, '') : path;
  const simple = paths[plain];
  if (simple) return { name: simple };
  const found = /^\/@([^/]+)(?:\/(.*))?$/.exec(plain);
  if (!found?.[1]) return { name: 'nowhere' };
  let slug: string;
  try {
    slug = decodeURIComponent(found[1]);
  } catch {
    return { name: 'nowhere' };
  }
  const rest = found[2] ?? '';
  const page = spacePaths[rest];
  if (page) return { name: 'space', slug, page, id: null };
  const item = /^wardrobe\/(garments|outfits)\/([A-Za-z0-9:_-]+)$/.exec(rest);
  if (!item) return { name: 'nowhere' };
  return { name: 'space', slug, page: item[1] === 'outfits' ? 'outfit' : 'garment',
           id: item[2] ?? null };
}

export function spaceAddress(slug: string, page: SpacePage = 'today', id = ''): string {
  const base = `/@${encodeURIComponent(slug)}/`;
  switch (page) {
    case 'today': return base;
    case 'pictures': return `${base}profile/me-images`;
    case 'wardrobe': return `${base}wardrobe`;
    case 'garment': return `${base}wardrobe/garments/${id}`;
    case 'outfits': return `${base}wardrobe/outfits`;
    case 'outfit': return `${base}wardrobe/outfits/${id}`;
    case 'people': return `${base}members`;
    case 'agents': return `${base}agents`;
  }
}

class Router {
  path = $state(location.pathname);
  query = $state(location.search);
  place = $derived(place(this.path));

  constructor() {
    addEventListener('popstate', () => this.#read());
    document.addEventListener('click', (event) => this.#click(event));
  }

  #read(): void {
    this.path = location.pathname;
    this.query = location.search;
  }

  go(address: string, options: { replace?: boolean } = {}): void {
    if (options.replace) history.replaceState(null, '', address);
    else history.pushState(null, '', address);
    this.#read();
    if (!options.replace) scrollTo(0, 0);
  }

  /* Links are ordinary links; those of the page itself need no load. */
  #click(event: MouseEvent): void {
    const link = event.target instanceof Element ? event.target.closest('a[href]') : null;
    if (!(link instanceof HTMLAnchorElement) || event.defaultPrevented || event.button !== 0
        || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey
        || link.target || link.hasAttribute('download') || link.origin !== location.origin
        || place(link.pathname).name === 'nowhere') return;
    if (link.hash && link.pathname === location.pathname) return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  }
}

export const router = new Router();
