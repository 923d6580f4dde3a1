import { formatPosition, type Position, parsePosition } from '#events/position.ts';
import type { EventLog } from '#log/event-log.ts';
import { parseTilePath } from '#log/transparency/tile.ts';
import type { TransparencyLog } from '#log/transparency/transparency-log.ts';
import { errors } from '../errors.ts';
import type { Callers } from './callers.ts';
import { type Exchange, JSON_TYPE } from './exchange.ts';
import { checkQuery } from './query-check.ts';
import { readParams, readQuery } from './route-pattern.ts';
import type { Handler, Router } from './router.ts';
import { consistencyQuery, inclusionQuery } from './transparency-shapes.ts';

const TILES = '/v1/log/tile';
const TEXT_TYPE = 'text/plain; charset=utf-8';
const BYTES_TYPE = 'application/octet-stream';
/** A tile of a size that was signed never changes. */
const FOR_EVER = ['Cache-Control', 'public, max-age=31536000, immutable'];
const FOR_EVER_PRIVATE = ['Cache-Control', 'private, max-age=31536000, immutable'];
const FOR_A_SECOND = ['Cache-Control', 'public, max-age=1'];
const WAIT_MS_MAX = 5_000;

export type TransparencyRouteParts = {
  readonly log: EventLog;
  readonly transparency: TransparencyLog;
  readonly callers: Callers;
};

/** The transparency log as C2SP tlog-tiles has it below `/v1/log`, and proofs for those who would rather ask. */
export function addTransparencyRoutes(router: Router, parts: TransparencyRouteParts): void {
  router.add('GET', '/v1/log/checkpoint', checkpointHandler(parts));
  router.add('GET', '/v1/log/key', (exchange) => {
    exchange.send(200, TEXT_TYPE, `${parts.transparency.verifier}\n`, FOR_A_SECOND);
  });
  router.addBelow(TILES, tileHandler(parts));
  router.add('GET', '/v1/log/entries/{position}', entryHandler(parts));
  router.add('GET', '/v1/log/proof/inclusion', inclusionHandler(parts));
  router.add('GET', '/v1/log/proof/consistency', consistencyHandler(parts));
}

/** `GET /v1/log/checkpoint`: the signed note; with `Strata-Min-Position` one that includes the position. */
function checkpointHandler({ log, transparency }: TransparencyRouteParts): Handler {
  return (exchange, req) => {
    const least = req.getHeader('strata-min-position');
    const size = least === '' ? 0 : offsetOf(log, least);
    transparency
      .waitFor(size, WAIT_MS_MAX)
      .then(() => {
        const { note, size } = transparency.checkpoint();
        exchange.send(200, TEXT_TYPE, note, ['Strata-Position', positionOf(log, size), ...FOR_A_SECOND]);
      })
      .catch((error: unknown) => exchange.refuse(transparency.fault() ?? error));
  };
}

/** `GET /v1/log/tile/…`: tiles of hashes for everybody; bundles of entries are the events themselves, for an admin. */
function tileHandler({ transparency, callers }: TransparencyRouteParts): Handler {
  return (exchange, req) => {
    const path = req.getUrl().slice(TILES.length + 1);
    const tile = parseTilePath(path);
    if (tile === null) throw errors.error('log.unknown-tile', `"${path.slice(0, 200)}" is not the path of a tile`);
    const isEntries = tile.level === 'entries';
    if (isEntries) callers.admin(req.getHeader('authorization'));
    exchange.send(200, BYTES_TYPE, transparency.tile(tile), isEntries ? FOR_EVER_PRIVATE : FOR_EVER);
  };
}

/** `GET /v1/log/entries/{position}`: an event's canonical bytes, for an admin: SHA-256 of 00 and them is its leaf. */
function entryHandler({ log, transparency, callers }: TransparencyRouteParts): Handler {
  return (exchange, req, pattern) => {
    callers.admin(req.getHeader('authorization'));
    const { position = '' } = readParams(pattern, req);
    exchange.send(200, BYTES_TYPE, transparency.entry(offsetOf(log, position)), FOR_EVER_PRIVATE);
  };
}

function inclusionHandler({ log, transparency }: TransparencyRouteParts): Handler {
  return (exchange, req) => {
    const query = checkQuery(inclusionQuery, readQuery(req.getQuery()));
    const { size: signed } = transparency.checkpoint();
    const size = query.size === undefined ? signed : offsetOf(log, query.size);
    const proof = transparency.inclusion(offsetOf(log, query.position), size);
    sendProof(exchange, {
      position: query.position,
      index: proof.index,
      size: proof.size,
      leafHash: proof.leafHash.toString('hex'),
      rootHash: proof.rootHash.toString('hex'),
      hashes: proof.hashes.map((hash) => hash.toString('hex')),
    });
  };
}

function consistencyHandler({ log, transparency }: TransparencyRouteParts): Handler {
  return (exchange, req) => {
    const query = checkQuery(consistencyQuery, readQuery(req.getQuery()));
    const { size: signed } = transparency.checkpoint();
    const to = query.to === undefined ? signed : offsetOf(log, query.to);
    const proof = transparency.consistency(offsetOf(log, query.from), to);
    sendProof(exchange, {
      from: proof.from,
      to: proof.to,
      fromRoot: proof.fromRoot.toString('hex'),
      toRoot: proof.toRoot.toString('hex'),
      hashes: proof.hashes.map((hash) => hash.toString('hex')),
    });
  };
}

function sendProof(exchange: Exchange, proof: object): void {
  exchange.send(200, JSON_TYPE, JSON.stringify(proof), FOR_A_SECOND);
}

/**
 * How many events the position has before and with it: one partition's offsets are dense. The tree goes on over epochs, so
 * a position of an earlier one counts as well.
 */
function offsetOf(log: EventLog, token: string): number {
  const { epoch, offsets }: Position = parsePosition(token);
  if (epoch > log.epoch || offsets.length !== 1) {
    throw errors.error('position.other-epoch', `the log is in epoch ${log.epoch}, with one partition`);
  }
  const [offset = 0] = offsets;
  const [head = 0] = log.head().offsets;
  if (offset > head) throw errors.error('history.future-position', `the log ends at ${formatPosition(log.head())}`);
  return offset;
}

function positionOf(log: EventLog, offset: number): string {
  return formatPosition({ epoch: log.epoch, offsets: [offset] });
}
