import { account } from "./account";
import { common } from "./common";
import { graphs } from "./graphs";
import { guests } from "./guests";
import { guestStates } from "./guestStates";
import { nodePages } from "./nodePages";
import { nodes } from "./nodes";
import { people } from "./people";

/** The English catalogue; other languages have the same keys. */
export const en = {
  ...account,
  ...common,
  ...graphs,
  ...guests,
  ...guestStates,
  ...nodes,
  ...nodePages,
  ...people,
} as const;
