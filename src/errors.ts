/**
 * Every error that a user can meet has a stable code, in one table: this one for what the layers share, and one in each
 * domain's `errors.ts`. `docs/reference/errors.md` lists them all, and a test keeps it so.
 */

export type ErrorDefinition = {
  /** The HTTP status that the error is answered with. */
  readonly status: number;
  /** What went wrong in general, as RFC 9457 has `title`: the same for every occurrence. */
  readonly title: string;
};

export type FieldError = { readonly path: string; readonly message: string };

export type ErrorDetails = {
  readonly errors?: readonly FieldError[];
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
};

/** An error from a table: `code` is stable, `message` is the occurrence's own detail. */
export class StrataError extends Error {
  override readonly name = 'StrataError';
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly errors: readonly FieldError[] | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: string, definition: ErrorDefinition, detail: string, details: ErrorDetails = {}) {
    super(detail, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.status = definition.status;
    this.title = definition.title;
    this.errors = details.errors;
    this.retryAfterSeconds = details.retryAfterSeconds;
  }
}

export type ErrorTable<Code extends string = string> = {
  readonly definitions: { readonly [code in Code]: ErrorDefinition };
  /** An error of this table; throw it, or hand it on as a value. */
  error(code: Code, detail: string, details?: ErrorDetails): StrataError;
};

/** Declares a table of errors. Codes are `area.what-is-wrong`. */
export function errorTable<const Code extends string>(
  definitions: {
    readonly [code in Code]: ErrorDefinition;
  },
): ErrorTable<Code> {
  return {
    definitions,
    error: (code, detail, details) => new StrataError(code, definitions[code], detail, details),
  };
}

export function isStrataError(error: unknown, code?: string): error is StrataError {
  return error instanceof StrataError && (code === undefined || error.code === code);
}

/** The errors that belong to no domain. */
export const errors = errorTable({
  'request.malformed': { status: 400, title: 'The request is not well-formed' },
  'request.invalid': { status: 400, title: 'The request does not have the right shape' },
  'request.unknown-route': { status: 404, title: 'There is nothing at this address' },
  'request.wrong-method': { status: 405, title: 'The address does not take this method' },
  'request.range': { status: 416, title: 'The range lies outside of what there is' },
  'request.too-large': { status: 413, title: 'The body is larger than allowed' },
  'request.media-type': { status: 415, title: 'The body is not of a media type that this address takes' },
  'request.upload-failed': { status: 400, title: 'The upload ended before its end' },
  'request.rate-limited': { status: 429, title: 'The caller sends more requests than it may' },
  'auth.required': { status: 401, title: 'A key is required' },
  'auth.unknown-key': { status: 401, title: 'The key is unknown, revoked or expired' },
  'auth.forbidden': { status: 403, title: 'The key may not do this' },
  'command.unknown': { status: 400, title: 'There is no command of this type' },
  'command.key-reused': { status: 422, title: 'The idempotency key was used for another request' },
  'command.outcome-unknown': { status: 504, title: 'Whether the command was carried out is not known' },
  'stream.revision-conflict': { status: 409, title: 'The stream is not at the expected revision' },
  'stream.revision-mismatch': { status: 412, title: 'The stream is not at the revision that If-Match names' },
  'stream.unknown': { status: 404, title: 'There is no such stream' },
  'position.malformed': { status: 400, title: 'The position is not well-formed' },
  'position.other-epoch': { status: 409, title: 'The position is from another epoch of the log' },
  'history.future-position': { status: 400, title: 'The position is past the end of the log' },
  'history.range': { status: 400, title: 'The range ends before it begins' },
  'history.unknown-items': { status: 400, title: 'There are no items of this name' },
  'history.erased': { status: 410, title: 'The item was erased' },
  'history.nothing-then': { status: 422, title: 'There was no such thing at the position to go back to' },
  'history.not-yet': { status: 503, title: 'The projection has not reached the position yet' },
  'history.cursor': { status: 400, title: 'The cursor is not one that this list gave' },
  'event.unknown-version': { status: 500, title: 'An event is of a version that this Strata does not know' },
  'history.unknown-event': { status: 500, title: 'A projection met an event that it does not know' },
  'history.cannot-write': { status: 503, title: 'The projections cannot be written' },
  'projection.unknown': { status: 404, title: 'There is no such projection' },
  'projection.not-rebuilt': { status: 409, title: 'No rebuilt copy of the projection is ready to take over' },
  'whatif.too-long': { status: 422, title: 'The streams to decide on have more events than are read for a what-if' },
  'log.corrupt': { status: 500, title: 'The log is damaged' },
  'log.disk-full': { status: 503, title: 'The disk is full' },
  'log.write-failed': { status: 503, title: 'The log could not be written' },
  'log.locked': { status: 503, title: 'Another process owns the data folder' },
  'log.clock': { status: 503, title: 'The clock jumped' },
  'log.closed': { status: 503, title: 'The log is closed' },
  'log.write-too-large': { status: 413, title: 'A write is larger than 256 KiB' },
  'log.unknown-format': { status: 500, title: 'An event has a format that this version does not know' },
  'log.tree-mismatch': { status: 500, title: 'The log is not what was signed' },
  'log.unknown-tile': { status: 404, title: 'The tree has no such tile' },
  'log.entry-too-large': { status: 404, title: 'An entry is too large for its bundle' },
  'log.moved': { status: 409, title: 'The log went on elsewhere' },
  'log.other-engine': { status: 500, title: 'The replica is not of the log that the engine has' },
  'log.note-invalid': { status: 400, title: 'The signed note cannot be trusted' },
  'blob.unknown': { status: 404, title: 'There is no blob with this hash' },
  'blob.write-failed': { status: 503, title: 'The blob could not be stored' },
  'backup.unusable': { status: 422, title: 'The backup cannot be used' },
  'backup.damaged': { status: 500, title: 'The backup is damaged' },
  'backup.other-log': { status: 409, title: 'The backup is of another log' },
  'migration.other-log': { status: 409, title: 'The target holds something else than the log that is migrated' },
  'migration.source-written': { status: 409, title: 'The log that is migrated was written to meanwhile' },
  'migration.different': { status: 500, title: 'The copy is not equal to the log' },
  'restore.not-empty': { status: 409, title: 'A backup is restored into an empty folder only' },
  'restore.unfinished': { status: 503, title: 'The data folder is a restore that was not finished' },
  'upload.not-an-image': { status: 422, title: 'The body is not an image that can be read' },
  'upload.too-many-pixels': { status: 422, title: 'The image claims more pixels than allowed' },
  'upload.archive-invalid': { status: 422, title: 'The body is not a zip archive that can be read' },
  'upload.archive-unsafe': { status: 422, title: 'An entry of the archive may not be unpacked' },
  'upload.archive-too-large': { status: 413, title: 'The archive unpacks to more than allowed' },
  'upload.too-costly': { status: 422, title: 'Inspecting the upload takes more time or memory than allowed' },
  'subject.erased': { status: 410, title: 'The data was erased' },
  'partition.moving': { status: 503, title: 'The stream is moving to another member' },
  'engine.unavailable': { status: 503, title: 'An engine that Strata runs on does not answer' },
  'engine.misconfigured': { status: 500, title: 'An engine that Strata runs on is not set up as it must be' },
  'cluster.refused': { status: 403, title: 'The request does not come from a member' },
  'server.busy': { status: 503, title: 'The server is busy' },
  'server.failed': { status: 500, title: 'The server failed' },
  'live.malformed': { status: 400, title: 'The live message is not well-formed' },
  'live.unknown-topic': { status: 404, title: 'There is no such topic' },
  'live.too-slow': { status: 503, title: 'The client does not keep up' },
  'config.invalid': { status: 500, title: 'The configuration is wrong' },
});
