import { ByteReader, type ByteWriter } from '../storage/byte-codec.ts';

/**
 * A tile's row in the tree `tiles`: its totals, and the latest changes themselves while they are few, so that a block in the
 * change file is never a handful of bytes.
 */
export type TileRecord = {
  /** Of all time. */
  readonly changes: number;
  /** Offset of the last change. */
  readonly last: number;
  readonly sinceKeyframe: number;
  readonly sinceOffsetKeyframe: number;
  /** The offset of the last change before `tail`. */
  readonly tailBase: number;
  readonly tailChanges: number;
  /** Packed changes. */
  readonly tail: Buffer;
};

export function writeTileRecord(record: TileRecord, to: ByteWriter): void {
  to.varint(record.changes);
  to.varint(record.last);
  to.varint(record.sinceKeyframe);
  to.varint(record.sinceOffsetKeyframe);
  to.varint(record.tailBase);
  to.varint(record.tailChanges);
  to.append(record.tail);
}

/** `tail` is a copy. */
export function readTileRecord(bytes: Buffer): TileRecord {
  const reader = new ByteReader(bytes);
  return {
    changes: reader.varint(),
    last: reader.varint(),
    sinceKeyframe: reader.varint(),
    sinceOffsetKeyframe: reader.varint(),
    tailBase: reader.varint(),
    tailChanges: reader.varint(),
    tail: Buffer.from(bytes.subarray(reader.at, bytes.length)),
  };
}

/** A row of the tree `blocks`: where the changes after its key's offset lie. */
export type BlockRecord = {
  readonly pointer: number;
  readonly length: number;
  readonly changes: number;
  /** Changes of the tile before this block. */
  readonly changesBefore: number;
};

export function writeBlockRecord(record: BlockRecord, to: ByteWriter): void {
  to.varint(record.pointer);
  to.varint(record.length);
  to.varint(record.changes);
  to.varint(record.changesBefore);
}

export function readBlockRecord(bytes: Buffer): BlockRecord {
  const reader = new ByteReader(bytes);
  return {
    pointer: reader.varint(),
    length: reader.varint(),
    changes: reader.varint(),
    changesBefore: reader.varint(),
  };
}

/** A row of the tree `keyframes` or `offsetKeyframes`. */
export type KeyframeRecord = { readonly pointer: number; readonly length: number };

export function writeKeyframeRecord(record: KeyframeRecord, to: ByteWriter): void {
  to.varint(record.pointer);
  to.varint(record.length);
}

export function readKeyframeRecord(bytes: Buffer): KeyframeRecord {
  const reader = new ByteReader(bytes);
  return { pointer: reader.varint(), length: reader.varint() };
}
