/** Changes of a guest's configuration. What cannot be done while the guest runs stays pending until it starts anew. */
import { client, type Params } from "./client";
import type { GuestConfig, GuestRef } from "./guests";
import { rows } from "./wire";

/** An option with a change that waits. `next` null: it will be removed. */
export interface Pending {
  key: string;
  next: string | null;
}

export interface HardwareState {
  /** As it is now. */
  config: GuestConfig;
  pending: readonly Pending[];
}

/** What is and what waits, from one answer, so that the two fit together. */
export async function getHardware({ kind, node, vmid }: GuestRef): Promise<HardwareState> {
  const wire = rows(await client.call(`GET /nodes/{node}/${kind}/{vmid}/pending`, { node, vmid }));
  const present = wire.filter((entry) => entry.has("value"));
  return {
    config: Object.fromEntries(present.map((entry) => [entry.text("key"), String(entry.raw("value"))])),
    pending: wire
      .filter((entry) => entry.has("pending") || entry.num("delete") > 0)
      .map((entry) => ({ key: entry.text("key"), next: entry.has("pending") ? entry.text("pending") : null })),
  };
}

export interface Change {
  set?: Readonly<Record<string, string>>;
  remove?: readonly string[];
  /** Take pending changes of these options back. */
  revert?: readonly string[];
}

/** The id of a task, or null where the server was done at once. Volumes of machines are made by a task. */
export async function changeConfig({ kind, node, vmid }: GuestRef, change: Change): Promise<string | null> {
  const { set = {}, remove = [], revert = [] } = change;
  const params = {
    node,
    vmid,
    ...set,
    ...(remove.length > 0 && { delete: remove.join(",") }),
    ...(revert.length > 0 && { revert: revert.join(",") }),
  };
  if (kind === "qemu") {
    return client.call(
      "POST /nodes/{node}/qemu/{vmid}/config",
      params as Params<"POST /nodes/{node}/qemu/{vmid}/config">,
    );
  }
  await client.call("PUT /nodes/{node}/lxc/{vmid}/config", params as Params<"PUT /nodes/{node}/lxc/{vmid}/config">);
  return null;
}

/** `gib` more. */
export function growDisk({ kind, node, vmid }: GuestRef, disk: string, gib: number): Promise<string> {
  const params = { node, vmid, disk, size: `+${gib}G` };
  return kind === "qemu"
    ? client.call("PUT /nodes/{node}/qemu/{vmid}/resize", params as Params<"PUT /nodes/{node}/qemu/{vmid}/resize">)
    : client.call("PUT /nodes/{node}/lxc/{vmid}/resize", params as Params<"PUT /nodes/{node}/lxc/{vmid}/resize">);
}

export interface DiskMove {
  storage: string;
  /** Of a machine's disk; empty: as the storage has it. */
  format: string;
  /** The original goes; otherwise it stays as an unused disk. */
  remove: boolean;
}

/** A copy on another storage, which takes the place of the original. */
export function moveDisk({ kind, node, vmid }: GuestRef, disk: string, move: DiskMove): Promise<string> {
  const params = { node, vmid, storage: move.storage, ...(move.remove && { delete: true }) };
  if (kind === "lxc") {
    const volume = { ...params, volume: disk };
    return client.call(
      "POST /nodes/{node}/lxc/{vmid}/move_volume",
      volume as Params<"POST /nodes/{node}/lxc/{vmid}/move_volume">,
    );
  }
  const image = { ...params, disk, ...(move.format && { format: move.format }) };
  return client.call(
    "POST /nodes/{node}/qemu/{vmid}/move_disk",
    image as Params<"POST /nodes/{node}/qemu/{vmid}/move_disk">,
  );
}
