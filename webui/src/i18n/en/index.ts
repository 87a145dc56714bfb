import { account } from "./account";
import { cluster } from "./cluster";
import { common } from "./common";
import { graphs } from "./graphs";
import { guestActions } from "./guestActions";
import { guests } from "./guests";
import { guestStates } from "./guestStates";
import { ha } from "./ha";
import { nodePages } from "./nodePages";
import { nodes } from "./nodes";
import { options } from "./options";
import { people } from "./people";
import { search } from "./search";
import { storages } from "./storages";
import { welcome } from "./welcome";

/** The English catalogue; other languages have the same keys. */
export const en = {
  ...account,
  ...cluster,
  ...common,
  ...graphs,
  ...guestActions,
  ...guests,
  ...guestStates,
  ...ha,
  ...nodes,
  ...nodePages,
  ...options,
  ...people,
  ...search,
  ...storages,
  ...welcome,
} as const;
