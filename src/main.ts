import { enableCompileCache } from 'node:module';

// Sources are stripped and compiled once, not at every start; threads and worker processes find the folder in the environment.
const folder = `${import.meta.dirname}/../node_modules/.cache/strata`;
process.env.NODE_COMPILE_CACHE ??= folder;
enableCompileCache(folder);
// Half of a start is loading code, and there are two threads to load it on.
const { WarmFoldThread } = await import('#history/folding/warm-fold-thread.ts');
const warmThread = new WarmFoldThread(new URL('./projector.ts', import.meta.url));
const { serve } = await import('./serve.ts');
await serve(warmThread);
