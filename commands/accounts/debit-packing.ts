import type { Packing } from '#events/definition.ts';
import { ByteReader, ByteWriter } from '#history/storage/byte-codec.ts';
import type { CreditsDebited } from './events.ts';
import { OPERATIONS } from './operations.ts';
import { accountOf, accountStream } from './stream.ts';

const OPERATION_BITS = 0b0000_1111;
const HAS_BYTES = 0b0001_0000;
const HAS_REFERENCE = 0b0010_0000;
/** Grants' ids as the server makes them, which take half as many bytes. */
const GRANT_ID = /^[0-9a-f]{32}$/;
const GRANT_ID_BYTES = 16;

/**
 * A debit in about 25 bytes: flags and operation in one byte, the amount, then `bytes` and `reference` where there are
 * any, then each part as a grant's 16 bytes and an amount. Numbers are LEB128. The account is the stream's name.
 */
export const debitPacking: Packing = {
  pack(data, stream) {
    // Only events of this type are packed by it.
    const { account, amount, operation, bytes, reference, from } = data as CreditsDebited;
    if (stream !== accountStream(account) || !from.every(({ grant }) => GRANT_ID.test(grant))) return null;
    const packed = new ByteWriter(64);
    const flags = (bytes === null ? 0 : HAS_BYTES) | (reference === null ? 0 : HAS_REFERENCE);
    packed.byte(OPERATIONS.indexOf(operation) | flags);
    packed.varint(amount);
    if (bytes !== null) packed.varint(bytes);
    if (reference !== null) {
      const text = Buffer.from(reference, 'utf8');
      packed.varint(text.length);
      packed.append(text);
    }
    packed.varint(from.length);
    for (const part of from) {
      packed.append(Buffer.from(part.grant, 'hex'));
      packed.varint(part.amount);
    }
    return packed.view();
  },

  unpack(bytes, stream) {
    const packed = new ByteReader(bytes);
    const take = (length: number) => {
      const { buffer, byteOffset } = packed.bytes;
      packed.at += length;
      return Buffer.from(buffer, byteOffset + packed.at - length, length);
    };
    const flags = packed.byte();
    return {
      account: accountOf(stream),
      amount: packed.varint(),
      operation: OPERATIONS[flags & OPERATION_BITS]!,
      bytes: (flags & HAS_BYTES) === 0 ? null : packed.varint(),
      reference: (flags & HAS_REFERENCE) === 0 ? null : take(packed.varint()).toString('utf8'),
      from: Array.from({ length: packed.varint() }, () => ({
        grant: take(GRANT_ID_BYTES).toString('hex'),
        amount: packed.varint(),
      })),
    };
  },
};
