// The bare page of the engine's tests, built into build-wasm/page.
import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  build: { target: 'es2022', assetsInlineLimit: 0, outDir: '../../../build-wasm/page',
    emptyOutDir: true, modulePreload: { polyfill: false } },
  worker: { format: 'es' },
});
