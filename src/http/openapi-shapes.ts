import { z } from 'zod';

const time = z.iso.datetime();
const data = z.record(z.string(), z.unknown());

/** An RFC 9457 problem. */
export const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string().describe('stable: see the table of errors'),
  detail: z.string(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});

/** What every accepted command is answered with; routes add to it. */
export const accepted = z.looseObject({
  position: z.string(),
  stream: z.string(),
  revision: z.int(),
  events: z.array(
    z.object({
      id: z.string(),
      type: z.string(),
      data,
      position: z.string(),
      revision: z.int(),
      recordedAt: time,
    }),
  ),
});

export const batch = z.object({ results: z.array(z.union([accepted, problem])) });

/** An event as `/v1/events` and live topics have it. */
export const eventOnLog = z.object({
  id: z.string(),
  type: z.string(),
  version: z.int(),
  stream: z.string(),
  revision: z.int(),
  position: z.string(),
  at: time,
  recordedAt: time,
  actor: z.string(),
  causation: z.string().nullable(),
  data,
});

export const page = z.object({ items: z.array(eventOnLog), next: z.string().nullable() });

/** What differs: an item, or a pixel of a board. */
export const diffItem = z.union([
  z.object({
    key: z.string(),
    change: z.enum(['added', 'removed', 'changed']),
    before: data.nullable().optional().describe('left out with `documents=false`'),
    after: data.nullable().optional(),
    patch: z.array(data).nullable().optional().describe('RFC 6902, from `before` to `after`'),
    position: z.string().describe('of the last event in the range that touched it'),
    erased: z.literal(true).optional().describe('erased since: what it was is not known'),
  }),
  z.object({
    x: z.int(),
    y: z.int(),
    before: z.int(),
    after: z.int(),
    position: z.string(),
    actor: z.string(),
  }),
]);

export const diffPage = z.object({
  from: z.string(),
  to: z.string(),
  items: z.array(diffItem),
  next: z.string().nullable(),
});

/** With `summary=true`. */
export const diffSummary = z.object({
  in: z.string(),
  from: z.string(),
  to: z.string(),
  added: z.int(),
  removed: z.int(),
  changed: z.int(),
});
