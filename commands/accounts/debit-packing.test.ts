import fc from 'fast-check';
import { expect, test } from 'vitest';
import { debitPacking } from './debit-packing.ts';
import { OPERATIONS } from './operations.ts';

const seed = Date.now() % 2 ** 31;
const amount = fc.oneof(
  fc.integer({ min: 1, max: 1000 }),
  fc.maxSafeNat().map((value) => Math.max(1, value)),
);
const part = fc.record({ grant: fc.stringMatching(/^[0-9a-f]{32}$/), amount });

test(`any debit is the same again (seed ${seed})`, () => {
  const debit = fc.record({
    account: fc.constant('acme'),
    amount,
    operation: fc.constantFrom(...OPERATIONS),
    bytes: fc.option(fc.maxSafeNat()),
    reference: fc.option(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 })),
    from: fc.array(part, { maxLength: 5 }),
  });
  fc.assert(
    fc.property(debit, (data) => {
      const packed = debitPacking.pack(data, 'account-acme');
      expect(debitPacking.unpack(Uint8Array.from(packed!), 'account-acme')).toEqual(data);
    }),
    { seed, numRuns: 1000 },
  );
});

test('a usual debit takes 19 bytes and its amounts', () => {
  const from = [{ grant: 'ab'.repeat(16), amount: 30 }];
  const data = { account: 'acme', amount: 30, operation: 'upload', bytes: null, reference: null, from };
  expect(debitPacking.pack(data, 'account-acme')).toHaveLength(1 + 1 + 1 + 16 + 1);
});

test('grants with ids of another kind are not packed', () => {
  const from = [{ grant: 'grant-1', amount: 30 }];
  const data = { account: 'acme', amount: 30, operation: 'upload', bytes: null, reference: null, from };
  expect(debitPacking.pack(data, 'account-acme')).toBeNull();
});
