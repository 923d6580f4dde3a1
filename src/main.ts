import { enableCompileCache } from 'node:module';

// Sources are stripped and compiled once, not at every start; threads and worker processes find the folder in the environment.
const folder = `${import.meta.dirname}/../node_modules/.cache/strata`;
process.env.NODE_COMPILE_CACHE ??= folder;
enableCompileCache(folder);
const { serve } = await import('./serve.ts');
await serve();
