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
