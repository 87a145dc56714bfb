/** How safe a cluster is, in the terms that people count in: nodes. Pure. */
import type { Membership, NodeConfig } from "../api/membership";

/**
 * How many more nodes may fail, whichever they are, before nothing can be changed any more. null where the votes are not
 * known. Without quorum 0.
 */
export function nodesToSpare({ cluster, members }: Membership, configs: readonly NodeConfig[]): number | null {
  if (!cluster) return null;
  if (!cluster.quorate) return 0;
  if (!cluster.votes) return null;
  const votesOf = new Map(configs.map(({ name, votes }) => [name, votes]));
  const present = members
    .filter(({ online }) => online)
    .map(({ name }) => votesOf.get(name) ?? 1)
    .sort((a, b) => b - a);
  let left = cluster.votes.margin;
  let spare = 0;
  for (const votes of present) {
    left -= votes;
    if (left < 0) break;
    spare += 1;
  }
  return spare;
}

/** An even number of votes without a witness: a cut in the middle stops both halves. */
export function wantsWitness({ cluster, members }: Membership): boolean {
  return cluster?.votes?.witness === null && members.length % 2 === 0;
}
