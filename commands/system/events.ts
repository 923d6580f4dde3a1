import { z } from 'zod';
import { defineEvent } from '#events/definition.ts';

export const projectionPromoted = z.strictObject({
  projection: z.string().regex(/^[a-z][a-z-]{0,62}$/, { error: 'must be the name of a projection' }),
  version: z.int().min(1),
  generation: z.int().min(2).describe('which copy of this version: the first is 1, and needs no promotion'),
});

const engine = z.enum(['embedded', 'kafka', 'eventstore']);

/** The first event that the log has on another engine: what it was when it came there. Stream `log-<id>`. */
const logMigrated = z.strictObject({
  from: engine,
  to: engine,
  size: z.int().min(0).describe('how many events were taken over'),
  root: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .describe('the root of the tree of these events'),
  checkpoint: z.string().max(16_384).nullable().describe('the last checkpoint that was signed there'),
});

export type LogMigrated = z.infer<typeof logMigrated>;

export type SystemEvents = {
  readonly ProjectionPromoted: z.infer<typeof projectionPromoted>;
  readonly LogMigrated: LogMigrated;
};

export const systemEvents = [
  defineEvent({ type: 'ProjectionPromoted', schema: projectionPromoted }),
  defineEvent({ type: 'LogMigrated', schema: logMigrated }),
];
