import type { PartitionAssigner } from 'kafkajs';

type Protocol = typeof import('kafkajs').AssignerProtocol;

/** Gives every member of a group everything, as a group of one reader needs it. */
export function everything({ MemberMetadata, MemberAssignment }: Protocol): PartitionAssigner {
  const name = 'StrataEverything';
  const version = 0;
  const userData = Buffer.alloc(0);
  return ({ cluster }) => ({
    name,
    version,
    async assign({ members, topics }) {
      const assignment = Object.fromEntries(
        topics.map((topic) => [topic, cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId)]),
      );
      const memberAssignment = MemberAssignment.encode({ version, assignment, userData });
      return members.map(({ memberId }) => ({ memberId, memberAssignment }));
    },
    protocol: ({ topics }) => ({ name, metadata: MemberMetadata.encode({ version, topics, userData }) }),
  });
}
