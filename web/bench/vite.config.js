// The page of the comparison, built into build-wasm/page like that of the tests.
import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  build: { target: 'es2022', assetsInlineLimit: 0, outDir: '../../build-wasm/bench',
    emptyOutDir: true, modulePreload: { polyfill: false } },
  worker: { format: 'es' },
});
