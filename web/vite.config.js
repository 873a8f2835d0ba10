// The page's build: hashed files below assets/, and the service worker at the root, which is told
// what there is to keep for starts without network.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { defineConfig } from 'vite';

const worker = 'sw.js';
const content = (item) => item.type === 'chunk' ? item.code : item.source;

/** @returns {import('vite').Plugin} */
function shell() {
  return {
    name: 'shell',
    apply: 'build',
    enforce: 'post',
    generateBundle(_options, bundle) {
      const chunk = bundle[worker];
      if (chunk?.type !== 'chunk') return; // a worker's own bundle
      const hash = createHash('sha256');
      const files = ['/', ...readdirSync('public').sort().map((name) => `/${name}`)];
      for (const [name, item] of Object.entries(bundle).sort(([a], [b]) => a < b ? -1 : 1)) {
        if (name === worker) continue;
        hash.update(name).update(content(item));
        if (name !== 'index.html') files.push(`/${name}`);
      }
      chunk.code = chunk.code.replace('__VERSION__', hash.digest('hex').slice(0, 16))
        .replace('__FILES__', files.join(' '));
    },
  };
}

export default defineConfig({
  plugins: [svelte(), shell()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: { index: 'index.html', sw: 'src/service/worker.ts' },
      output: {
        hashCharacters: 'base36',
        entryFileNames: (chunk) => chunk.name === 'sw' ? worker : 'assets/[name]-[hash].js',
        chunkFileNames: 'assets/[name]-[hash].js',
        assetFileNames: 'assets/[name]-[hash][extname]',
      },
    },
  },
  worker: { format: 'es' },
});
