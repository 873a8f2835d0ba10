// The page over the double, for tests: node vite.js build --config … --outDir FOLDER
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

const double = new URL('engine.ts', import.meta.url).pathname;

export default defineConfig({
  root: new URL('../..', import.meta.url).pathname,
  plugins: [
    {
      name: 'double',
      enforce: 'pre',
      resolveId(id, from) {
        return id.endsWith('/engine/engine.ts') && from?.endsWith('/lib/engine.ts') ? double : null;
      },
    },
    svelte(),
  ],
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false } },
});
