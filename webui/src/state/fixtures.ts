/** Made-up resources for tests. */
import type { GuestResource, NodeResource, StorageResource } from "../api/cluster";

const usage = { cpu: 0, maxCpu: 1, memBytes: 0, maxMemBytes: 0, diskBytes: 0, maxDiskBytes: 0, uptimeS: 0 };

export function node(name: string): NodeResource {
  return { ...usage, id: `node/${name}`, kind: "node", node: name, status: "online", online: true };
}

export function guest(vmid: number, more: Partial<GuestResource> = {}): GuestResource {
  const kind = more.kind ?? "qemu";
  return {
    ...usage,
    id: `${kind}/${vmid}`,
    kind,
    vmid,
    node: "a",
    name: `guest-${vmid}`,
    status: "stopped",
    running: false,
    known: true,
    template: false,
    lock: null,
    tags: [],
    pool: "",
    ...more,
  };
}

export function storage(name: string, on = "a"): StorageResource {
  return {
    id: `storage/${on}/${name}`,
    kind: "storage",
    node: on,
    storage: name,
    type: "dir",
    content: [],
    shared: false,
    status: "available",
    available: true,
    usedBytes: 0,
    totalBytes: 0,
  };
}
