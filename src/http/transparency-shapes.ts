import { z } from 'zod';

export const inclusionQuery = z.strictObject({
  position: z.string().describe('the event to prove'),
  size: z.string().optional().describe('the tree of the events up to this position; the last signed one unless told'),
});
export const consistencyQuery = z.strictObject({
  from: z.string().describe('the old tree: of the events up to this position'),
  to: z.string().optional().describe('the new tree; the last signed one unless told'),
});

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const inclusionProof = z.object({
  position: z.string(),
  index: z.int().describe('of the leaf, from 0'),
  size: z.int(),
  leafHash: hash,
  rootHash: hash,
  hashes: z.array(hash).describe('lowest first, as RFC 9162 section 2.1.3 has them'),
});
const consistencyProof = z.object({
  from: z.int(),
  to: z.int(),
  fromRoot: hash,
  toRoot: hash,
  hashes: z.array(hash).describe('as RFC 9162 section 2.1.4 has them'),
});

/** The routes of `transparency-routes.ts`, for the OpenAPI document. `answers` is a media type or the JSON's schema. */
export const transparencyRoutes: readonly {
  readonly path: string;
  readonly summary: string;
  readonly public: boolean;
  readonly query: z.ZodType;
  readonly answers: string | z.ZodType;
}[] = [
  {
    path: '/v1/log/checkpoint',
    summary: 'The last signed checkpoint (C2SP tlog-checkpoint)',
    public: true,
    query: z.strictObject({}),
    answers: 'text/plain',
  },
  {
    path: '/v1/log/key',
    summary: 'The key that verifies checkpoints, as name+id+base64 (C2SP signed-note)',
    public: true,
    query: z.strictObject({}),
    answers: 'text/plain',
  },
  {
    path: '/v1/log/tile/{tile}',
    summary: 'A tile of the tree, L/N or L/N.p/W, or a bundle entries/N of events for an admin (C2SP tlog-tiles)',
    public: true,
    query: z.strictObject({}),
    answers: 'application/octet-stream',
  },
  {
    path: '/v1/log/entries/{position}',
    summary: "An event's canonical bytes, of which its leaf is the hash",
    public: false,
    query: z.strictObject({}),
    answers: 'application/octet-stream',
  },
  {
    path: '/v1/log/proof/inclusion',
    summary: 'That an event is in the tree',
    public: true,
    query: inclusionQuery,
    answers: inclusionProof,
  },
  {
    path: '/v1/log/proof/consistency',
    summary: 'That a tree goes on from an earlier one',
    public: true,
    query: consistencyQuery,
    answers: consistencyProof,
  },
];
