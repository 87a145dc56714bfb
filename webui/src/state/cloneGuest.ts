/** From the values of the clone form to a call, and from the server's parameter errors back to fields. */
import type { GuestRef } from "../api/guests";
import { cloneContainer, cloneVm } from "../api/moves";
import { placeErrors, type PlacedErrors } from "./formErrors";

export interface CloneValues {
  vmid: string;
  name: string;
  /** "1": with disks of its own. */
  full: string;
  /** Empty: where the disks of the other one are. */
  storage: string;
}

export function cloneGuest({ kind, node, vmid }: GuestRef, values: CloneValues): Promise<string> {
  const params = {
    node,
    vmid,
    newid: Number(values.vmid),
    ...(values.full === "1" && { full: true }),
    ...(values.storage && { storage: values.storage }),
  };
  const name = values.name.trim();
  return kind === "qemu"
    ? cloneVm({ ...params, ...(name && { name }) })
    : cloneContainer({ ...params, ...(name && { hostname: name }) });
}

const FIELD_OF: Readonly<Record<string, string>> = { newid: "vmid", hostname: "name" };

export function placeCloneErrors(errors: Readonly<Record<string, string>>, shown: readonly string[]): PlacedErrors {
  return placeErrors(errors, shown, (name) => FIELD_OF[name] ?? name);
}
