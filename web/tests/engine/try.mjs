import { serve, open, call, state } from './kit.mjs';
import { chromium } from 'playwright-core';
import { mkdtempSync } from 'node:fs';
const s = await serve();
const c = await chromium.launchPersistentContext(mkdtempSync('/tmp/prof-'), { executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'] });
try {
const t=Date.now();
const p = await Promise.race([open(c, s.address), new Promise((_,r)=>setTimeout(()=>r(new Error('timeout')),15000))]);
console.log('ready', Date.now()-t, JSON.stringify(await state(p)));
console.log(await call(p,'insert',{table:'tasks',fields:{title:'Hello'}}));
await p.reload(); const t2=Date.now(); await p.evaluate(()=>window.started); console.log('again', Date.now()-t2);
console.log(await call(p,'query',{sql:'SELECT id, title FROM tasks WHERE title = ?', params:['Hello']}));
console.log(JSON.stringify(await state(p)));
} catch (e) { console.log('ERR', e.message); }
await c.close(); s.close();
