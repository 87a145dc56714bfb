import { client } from "./client";
import { type Task, taskFromWire } from "./tasks";
import { type Fields, num, rows } from "./wire";

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
  /** Empty: in none. */
  pool: string;
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

function usage(wire: Fields): Usage {
  return {
    cpu: wire.num("cpu"),
    maxCpu: wire.num("maxcpu"),
    memBytes: wire.num("mem"),
    maxMemBytes: wire.num("maxmem"),
    diskBytes: wire.num("disk"),
    maxDiskBytes: wire.num("maxdisk"),
    uptimeS: wire.num("uptime"),
  };
}

/** One entry of the resource list; null for kinds that no view shows (pools, networks). */
export function resourceFromWire(wire: Fields): Resource | null {
  const kind = wire.text("type");
  const common = { id: wire.text("id"), node: wire.text("node"), status: wire.text("status") || "unknown" };
  switch (kind) {
    case "node":
      return { ...common, ...usage(wire), kind, online: common.status === "online" };
    case "qemu":
    case "lxc":
      return {
        ...common,
        ...usage(wire),
        kind,
        vmid: wire.num("vmid"),
        name: wire.text("name") || wire.text("vmid"),
        running: common.status === "running",
        known: common.status !== "unknown",
        template: wire.bool("template"),
        lock: wire.textOrNull("lock"),
        tags: wire.list("tags"),
        pool: wire.text("pool"),
      };
    case "storage":
      return {
        ...common,
        kind,
        storage: wire.text("storage"),
        type: wire.text("plugintype"),
        content: wire.list("content"),
        shared: wire.bool("shared"),
        available: common.status === "available",
        usedBytes: wire.num("disk"),
        totalBytes: wire.num("maxdisk"),
      };
    default:
      return null;
  }
}

export async function getResources(): Promise<Resource[]> {
  const wire = rows(await client.call("GET /cluster/resources", {}));
  return wire.map(resourceFromWire).filter((resource) => resource !== null);
}

/** Recent tasks of all nodes, running ones included, newest first. */
export async function getRecentTasks(): Promise<Task[]> {
  const wire = rows(await client.call("GET /cluster/tasks", {}));
  return wire.map(taskFromWire).sort((a, b) => b.startS - a.startS);
}

export async function getNextId(): Promise<number> {
  return num(await client.call("GET /cluster/nextid", {}));
}
