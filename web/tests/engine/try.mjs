import { serve, launch, open, call, state } from '/work/wt/wasm/web/tests/engine/kit.mjs';
const s = await serve(); const b = await launch();
const c = await b.newContext();
const t=Date.now();
try {
const p = await Promise.race([open(c, s.address), new Promise((_,r)=>setTimeout(()=>r(new Error('timeout')),15000))]);
console.log('ready', Date.now()-t, JSON.stringify(await state(p)));
console.log(await call(p,'insert',{table:'tasks',fields:{title:'Hello'}}));
console.log(await call(p,'query',{sql:'SELECT id, title, createdAt FROM tasks'}));
await p.reload(); await p.evaluate(()=>window.started);
console.log(await call(p,'query',{sql:'SELECT id, title FROM tasks WHERE title = ?', params:['Hello']}));
console.log(JSON.stringify(await state(p)));
} catch (e) { console.log('ERR', e.message); }
await b.close(); s.close();
