/** Guests that move to another node or are copied. */
import { client, type Params } from "./client";
import type { GuestRef } from "./guests";
import { Fields, rows } from "./wire";

export interface LocalDisk {
  volid: string;
  sizeBytes: number;
}

/** What stands in the way of a move, asked before it. */
export interface Migration {
  running: boolean;
  /** Nodes that have what it needs; null: not said, as of machines that run, and the move itself finds out. */
  allowed: readonly string[] | null;
  /** Node -> storages that it lacks. */
  missing: ReadonlyMap<string, readonly string[]>;
  /** Volumes that only its node sees: they are copied. */
  localDisks: readonly LocalDisk[];
  /** Devices of its node, with which it cannot move. */
  localDevices: readonly string[];
}

/** The two branches of the API spell their fields differently. */
export async function getMigration({ kind, node, vmid }: GuestRef): Promise<Migration> {
  const wire = new Fields(await client.call(`GET /nodes/{node}/${kind}/{vmid}/migrate`, { node, vmid }));
  const has = (name: string) => (wire.has(name) ? name : name.replaceAll("_", "-"));
  const missing = wire
    .sub(has("not_allowed_nodes"))
    .entries()
    .map(([name, value]): [string, string[]] => {
      const why = new Fields(value);
      return [name, [...why.list("unavailable_storages"), ...why.list("unavailable-storages")]];
    });
  return {
    running: wire.bool("running"),
    allowed: wire.has(has("allowed_nodes")) ? wire.list(has("allowed_nodes")) : null,
    missing: new Map(missing),
    localDisks: rows(wire.raw(has("local_disks"))).map((disk) => ({
      volid: disk.text("volid"),
      sizeBytes: disk.num("size"),
    })),
    localDevices: wire.list(has("local_resources")),
  };
}

export interface Move {
  target: string;
  running: boolean;
  /** Volumes that only the node sees go along, to this storage; empty: to those of the same names. */
  withDisks: boolean;
  storage: string;
}

/** A running machine moves while it runs, a running container is started again at the other node. */
export function moveGuest({ kind, node, vmid }: GuestRef, move: Move): Promise<string> {
  const where = { node, vmid, target: move.target };
  if (kind === "lxc") {
    return client.call("POST /nodes/{node}/lxc/{vmid}/migrate", { ...where, ...(move.running && { restart: true }) });
  }
  return client.call("POST /nodes/{node}/qemu/{vmid}/migrate", {
    ...where,
    ...(move.running && { online: true }),
    ...(move.running && move.withDisks && { "with-local-disks": true }),
    ...(move.withDisks && move.storage && { targetstorage: move.storage }),
  });
}

export type VmCloneParams = Params<"POST /nodes/{node}/qemu/{vmid}/clone">;
export type ContainerCloneParams = Params<"POST /nodes/{node}/lxc/{vmid}/clone">;

export function cloneVm(params: VmCloneParams): Promise<string> {
  return client.call("POST /nodes/{node}/qemu/{vmid}/clone", params);
}

export function cloneContainer(params: ContainerCloneParams): Promise<string> {
  return client.call("POST /nodes/{node}/lxc/{vmid}/clone", params);
}
