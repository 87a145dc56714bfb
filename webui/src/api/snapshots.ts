/** States that a guest can go back to. */
import { client } from "./client";
import type { GuestRef } from "./guests";
import { rows } from "./wire";

export interface Snapshot {
  name: string;
  description: string;
  /** Unix seconds; null where it is not told. */
  takenS: number | null;
  /** The memory of the running machine is part of it. */
  memory: boolean;
  /** The snapshot that it came after; empty for a first one. */
  parent: string;
}

export interface Snapshots {
  taken: readonly Snapshot[];
  /** The snapshot that the guest's present state comes after; empty where there is none. */
  presentAfter: string;
}

/** What the API calls the present state in the list of snapshots. */
const PRESENT = "current";

export async function getSnapshots({ kind, node, vmid }: GuestRef): Promise<Snapshots> {
  const wire = rows(await client.call(`GET /nodes/{node}/${kind}/{vmid}/snapshot`, { node, vmid }));
  const taken = wire.map((entry) => ({
    name: entry.text("name"),
    description: entry.text("description"),
    takenS: entry.numOrNull("snaptime"),
    memory: entry.bool("vmstate"),
    parent: entry.text("parent"),
  }));
  return {
    taken: taken.filter(({ name }) => name !== PRESENT),
    presentAfter: taken.find(({ name }) => name === PRESENT)?.parent ?? "",
  };
}

export interface NewSnapshot {
  name: string;
  description: string;
  memory: boolean;
}

/** The first three return the id of the task that does the work. */

export function takeSnapshot({ kind, node, vmid }: GuestRef, wanted: NewSnapshot): Promise<string> {
  const params = { node, vmid, snapname: wanted.name, ...(wanted.description && { description: wanted.description }) };
  return kind === "qemu"
    ? client.call("POST /nodes/{node}/qemu/{vmid}/snapshot", { ...params, vmstate: wanted.memory })
    : client.call("POST /nodes/{node}/lxc/{vmid}/snapshot", params);
}

export function rollBack({ kind, node, vmid }: GuestRef, snapname: string): Promise<string> {
  return client.call(`POST /nodes/{node}/${kind}/{vmid}/snapshot/{snapname}/rollback`, { node, vmid, snapname });
}

export function deleteSnapshot({ kind, node, vmid }: GuestRef, snapname: string): Promise<string> {
  return client.call(`DELETE /nodes/{node}/${kind}/{vmid}/snapshot/{snapname}`, { node, vmid, snapname });
}

export async function describeSnapshot(guest: GuestRef, snapname: string, description: string): Promise<void> {
  const { kind, node, vmid } = guest;
  const params = { node, vmid, snapname, description };
  await client.call(`PUT /nodes/{node}/${kind}/{vmid}/snapshot/{snapname}/config`, params);
}
