import { existsSync } from 'node:fs';
import { boardEvents } from '#commands/boards/events.ts';
import { createCodec } from '#events/encoding.ts';
import { openEmbeddedLog } from '#log/embedded/embedded-log.ts';
import { openLogReader } from '#log/embedded/log-reader.ts';
const dir='/tmp/logeng/visit';
if(!existsSync(dir)){ const log=await openEmbeddedLog({dir,codec:createCodec(boardEvents),durability:'os'});
 let n=0; while(n<2_000_000){ const ws=[]; for(let i=0;i<2000;i++){n++; const s=(n*7919)%64; const l=s%8,t=s>>3; ws.push({stream:`tile-wall-${l}-${t}`,expected:'any' as const,events:[{id:n.toString(16).padStart(32,'0'),type:'PixelPlaced',version:1,at:1_700_000_000_000+n,actor:`account:a${n%100}`,causation:null,keyMark:null,data:{board:'wall',x:l*256+(n&255),y:t*256+((n>>8)&255),color:n&15}}]})} await log.append(ws)} await log.close(); }
let t=performance.now(); const log=await openEmbeddedLog({dir,codec:createCodec(boardEvents),durability:'os'}); console.log('open ms',(performance.now()-t).toFixed(1)); await log.close();
for(let r=0;r<3;r++){
const reader=openLogReader(dir,createCodec(boardEvents)); let sum=0, n=0; t=performance.now();
for(let a=0;a<2_000_000;a+=4096){ reader.visit(a,Math.min(2_000_000,a+4096),(e)=>{ const d=e.data as any; sum+=d.x+e.type.length+e.stream.length; n++ }) }
const ms=performance.now()-t; console.log('visit',n,(n/ms/1000).toFixed(2)+' M/s');
t=performance.now(); for(let i=0;i<20000;i++){ reader.at(1+((i*7919)%100000)) } console.log('at warm-ish us',((performance.now()-t)*1000/20000).toFixed(2));
t=performance.now(); for(let i=0;i<500;i++){ reader.at(1+((i*79191)%2000000)) } console.log('at cold us',((performance.now()-t)*1000/500).toFixed(2));
t=performance.now(); for(let i=0;i<500;i++){ reader.offsetAtTime(Date.now()-i*1000, 2000000)} console.log('offsetAtTime us',((performance.now()-t)*1000/500).toFixed(2));
}
