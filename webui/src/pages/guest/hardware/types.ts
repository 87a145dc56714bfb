import type { GuestResource } from "../../../api/cluster";
import type { GuestConfig } from "../../../api/guests";
import type { Pending } from "../../../api/hardware";

/** What the parts of this view work with. */
export interface Hardware {
  guest: GuestResource;
  config: GuestConfig;
  pending: readonly Pending[];
}
