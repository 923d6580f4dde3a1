import type { AssignerProtocol, PartitionAssigner } from 'kafkajs';
import { z } from 'zod';
import { type Candidate, spread } from './spread.ts';

/** Members that share it must agree on how partitions are given out: what changes that changes the name. */
const NAME = 'strata-owners-1';
const VERSION = 1;

const told = z.object({ member: z.string(), isReady: z.boolean(), held: z.array(z.int().nonnegative()) });

/**
 * The consumer group's way to give out partitions: every member says what it is and holds, the group's leader spreads.
 *
 * @param partitions how many there are; `self` is asked at every join
 */
export function ownersAssigner(
  protocol: typeof AssignerProtocol,
  { partitions, self }: { readonly partitions: number; readonly self: () => Candidate },
): PartitionAssigner {
  return () => ({
    name: NAME,
    version: VERSION,
    protocol: ({ topics }) => {
      const userData = Buffer.from(JSON.stringify(self()));
      return { name: NAME, metadata: protocol.MemberMetadata.encode({ version: VERSION, topics, userData }) };
    },
    assign: async ({ members, topics }) => {
      const ids = new Map<string, string>();
      const candidates = members.map(({ memberId, memberMetadata }) => {
        const candidate = told.parse(JSON.parse(String(protocol.MemberMetadata.decode(memberMetadata)?.userData)));
        ids.set(candidate.member, memberId);
        return candidate;
      });
      const [topic = ''] = topics;
      return [...spread(partitions, candidates)].map(([member, given]) => ({
        memberId: ids.get(member) ?? '',
        memberAssignment: protocol.MemberAssignment.encode({
          version: VERSION,
          assignment: { [topic]: given },
          userData: Buffer.alloc(0),
        }),
      }));
    },
  });
}
