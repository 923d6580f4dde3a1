import type { z } from 'zod';
import type { Json } from '../events/event.ts';
import type { QueryContext } from '../history/routes.ts';
import type { Accepted, Principal } from './domain.ts';

type Params = { readonly [name: string]: string };

/** A request for one command: path parameters and the JSON body's fields together are the command's data. */
export type CommandRoute = {
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** `/v1/boards/{board}/pixels/{x}/{y}`: names in braces are fields of the command. */
  readonly path: string;
  readonly command: string;
  readonly summary: string;
  /** Path parameters that are integers. */
  readonly integers?: readonly string[];
  /** True when the command takes no body. */
  readonly bodyless?: boolean;
  /** 201 when it added events. */
  readonly creates?: boolean;
  /** True when it is answered only once the projections have it: a key that was issued must stand, a revoked one must not. */
  readonly settles?: boolean;
  /** Fields of the path or body under other names, or what the caller implies. */
  readonly data?: (
    fields: { readonly [name: string]: Json },
    caller: Principal,
    query: Params,
  ) => { readonly [name: string]: Json };
  /** What the answer adds to `{position, stream, revision, events}`. */
  readonly answer?: (accepted: Accepted, data: { readonly [name: string]: Json }) => { readonly [name: string]: Json };
};

/** What inspecting an uploaded image found. Times are ms since 1970; nothing of it is trusted further than its type. */
export type InspectedImage = {
  readonly kind: 'image';
  readonly sha256: string;
  readonly bytes: number;
  readonly mediaType: string;
  readonly width: number;
  readonly height: number;
  readonly takenAt: number | null;
  readonly location: { readonly latitude: number; readonly longitude: number } | null;
  /** Tag names to values, for people to read; null where the image has none. */
  readonly exif: { readonly [tag: string]: Json } | null;
};

/** What unpacking an uploaded archive found; its files and the manifest are blobs already. */
export type InspectedArchive = {
  readonly kind: 'archive';
  /** SHA-256 of the manifest, which is canonical JSON: `{files: [{path, sha256, bytes, mediaType}]}`, sorted by path. */
  readonly manifest: string;
  readonly files: number;
  /** Of all files together. */
  readonly bytes: number;
};

/** A request whose body is stored as a blob first: temporary file, inspection in a worker process, blob, then the command. */
export type UploadRoute = {
  readonly method: 'POST';
  readonly path: string;
  readonly summary: string;
  readonly inspect: 'image' | 'archive';
  /** Media types that `Content-Type` may name; the bytes must be of that type too. */
  readonly mediaTypes: readonly string[];
  readonly bytesMax: number;
  /** Query parameters that it takes, with what each means. */
  readonly query: { readonly [name: string]: string };
  /** The commands to send, in order: the answer is the last one's; an earlier one's refusal ends it. */
  readonly commands: (
    inspected: InspectedImage | InspectedArchive,
    params: Params,
    query: Params,
    caller: Principal,
  ) => readonly { readonly type: string; readonly data: { readonly [name: string]: Json } }[];
  readonly answer: (
    accepted: Accepted,
    inspected: InspectedImage | InspectedArchive,
    params: Params,
    /** `http://{dapp}.localhost:8080/` for the label before the dapps' domain. */
    dappUrl: (label: string) => string,
  ) => { readonly [name: string]: Json };
};

/** What a revert reads: `db` is the state to go back to, `now` the state that it is to replace. */
export type RevertContext = Omit<QueryContext, 'query'> & {
  /** The position of `db`. */
  readonly to: string;
  readonly caller: Principal;
  /** As the route's `body` schema made it, without `to`. */
  readonly body: { readonly [name: string]: Json };
};

/**
 * A POST of `{to}` that restores a past state, by new events: what was then is read first, because deciders read no
 * projections, and becomes the data of commands.
 */
export type RevertRoute = {
  readonly path: string;
  readonly summary: string;
  /** Its definition says `revertOnly`. */
  readonly command: string;
  /** What stands in the body besides `to`; an empty strict object for nothing. */
  readonly body: z.ZodObject;
  /**
   * The data of one command, or of several that are sent in order and stand or fail each for itself: item `i` uses the
   * idempotency key `key/i`. Throws the domain's own 404 for what the caller may not see.
   */
  readonly read: (context: RevertContext) => CommandData | Promise<CommandData> | AsyncIterable<CommandData>;
  /** What several commands are answered with besides `position`, from what was accepted in turn. Throws the first refusal. */
  readonly answer?: (accepted: AsyncIterable<Accepted>) => Promise<CommandData>;
};

export type CommandData = { readonly [name: string]: Json };
