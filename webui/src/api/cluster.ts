import { client, type Returns } from "./client";
import { type Task, taskFromWire } from "./tasks";
import { bool, list, num } from "./wire";

interface Common {
  /** Unique over all kinds: `node/a`, `qemu/100`, `storage/a/local`. */
  id: string;
  node: string;
  status: string;
}

/** CPU is a fraction of `maxCpu` cores; sizes are bytes; uptime is seconds. */
interface Usage {
  cpu: number;
  maxCpu: number;
  memBytes: number;
  maxMemBytes: number;
  diskBytes: number;
  maxDiskBytes: number;
  uptimeS: number;
}

export interface NodeResource extends Common, Usage {
  kind: "node";
  online: boolean;
}

export type GuestKind = "qemu" | "lxc";

export interface GuestResource extends Common, Usage {
  kind: GuestKind;
  vmid: number;
  name: string;
  running: boolean;
  /** False while its node is away: then nobody knows whether it runs. */
  known: boolean;
  template: boolean;
  /** Word of the operation that holds the guest's lock, or null. */
  lock: string | null;
  tags: string[];
}

export interface StorageResource extends Common {
  kind: "storage";
  storage: string;
  type: string;
  content: string[];
  shared: boolean;
  available: boolean;
  usedBytes: number;
  totalBytes: number;
}

export type Resource = NodeResource | GuestResource | StorageResource;

type Wire = Returns<"GET /cluster/resources">[number];

function usage(wire: Wire): Usage {
  return {
    cpu: num(wire.cpu),
    maxCpu: num(wire.maxcpu),
    memBytes: num(wire.mem),
    maxMemBytes: num(wire.maxmem),
    diskBytes: num(wire.disk),
    maxDiskBytes: num(wire.maxdisk),
    uptimeS: num(wire.uptime),
  };
}

/** One entry of the resource list; null for kinds that no view shows (pools, networks). */
export function resourceFromWire(wire: Wire): Resource | null {
  const common = { id: wire.id, node: wire.node ?? "", status: wire.status ?? "unknown" };
  switch (wire.type) {
    case "node":
      return { ...common, ...usage(wire), kind: "node", online: common.status === "online" };
    case "qemu":
    case "lxc":
      return {
        ...common,
        ...usage(wire),
        kind: wire.type,
        vmid: num(wire.vmid),
        name: wire.name ?? String(wire.vmid),
        running: common.status === "running",
        known: common.status !== "unknown",
        template: bool(wire.template),
        lock: wire.lock ?? null,
        tags: list(wire.tags),
      };
    case "storage":
      return {
        ...common,
        kind: "storage",
        storage: wire.storage ?? "",
        type: wire.plugintype ?? "",
        content: list(wire.content),
        shared: bool(wire.shared),
        available: common.status === "available",
        usedBytes: num(wire.disk),
        totalBytes: num(wire.maxdisk),
      };
    default:
      return null;
  }
}

export async function getResources(): Promise<Resource[]> {
  const wire = await client.call("GET /cluster/resources", {});
  return wire.map(resourceFromWire).filter((resource) => resource !== null);
}

/** Recent tasks of all nodes, running ones included, newest first. */
export async function getRecentTasks(): Promise<Task[]> {
  const wire = await client.call("GET /cluster/tasks", {});
  return wire.map((entry) => taskFromWire(entry)).sort((a, b) => b.startS - a.startS);
}

export async function getNextId(): Promise<number> {
  return num(await client.call("GET /cluster/nextid", {}));
}
