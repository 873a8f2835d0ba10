// The page's build: hashed files below assets/, and the service worker at the root, which is told
// what there is to keep for offline starts.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { createHash } from 'node:crypto';
import type { OutputAsset, OutputChunk } from 'rollup';
import { defineConfig, type Plugin } from 'vite';

const worker = 'sw.js';

// What an offline start needs is kept at once; what is asked for rarely is kept when asked for.
function shell(): Plugin {
    return {
        name: 'shell',
        apply: 'build',
        generateBundle(_options, bundle) {
            const hash = createHash('sha256');
            const files = ['/', '/icon.svg', '/manifest.webmanifest'];
            for (const [name, item] of Object.entries(bundle).sort()) {
                if (name === worker) continue;
                hash.update(name).update(content(item));
                if (name !== 'index.html') files.push('/' + name);
            }
            const chunk = bundle[worker];
            if (chunk?.type !== 'chunk') throw new Error('no service worker was built');
            chunk.code = chunk.code
                .replace('__VERSION__', hash.digest('hex').slice(0, 16))
                .replace('__FILES__', files.join(' '));
        },
    };
}

function content(item: OutputAsset | OutputChunk): string | Uint8Array {
    return item.type === 'chunk' ? item.code : item.source;
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
                entryFileNames: (chunk) => chunk.name === 'sw' ? worker : 'assets/[name]-[hash].js',
                chunkFileNames: 'assets/[name]-[hash].js',
                assetFileNames: 'assets/[name]-[hash][extname]',
            },
        },
    },
    worker: { format: 'es' },
});
