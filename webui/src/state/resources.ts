/** Questions to the resource list. All pure; the list itself lives in the query cache. */
import type { GuestResource, NodeResource, Resource, StorageResource } from "../api/cluster";

export const isGuest = (r: Resource): r is GuestResource => r.kind === "qemu" || r.kind === "lxc";
export const isNode = (r: Resource): r is NodeResource => r.kind === "node";
export const isStorage = (r: Resource): r is StorageResource => r.kind === "storage";

export function guests(resources: readonly Resource[]): GuestResource[] {
  return resources.filter(isGuest).sort((a, b) => a.vmid - b.vmid);
}

export function nodes(resources: readonly Resource[]): NodeResource[] {
  return resources.filter(isNode).sort((a, b) => a.node.localeCompare(b.node));
}

export function storagesOf(resources: readonly Resource[], node: string): StorageResource[] {
  return resources
    .filter(isStorage)
    .filter((storage) => storage.node === node)
    .sort((a, b) => a.storage.localeCompare(b.storage));
}

export function findGuest(resources: readonly Resource[], vmid: number): GuestResource | undefined {
  return resources.filter(isGuest).find((guest) => guest.vmid === vmid);
}

/** Does the text occur in the guest's name, id, tags or node? Every word must. */
export function guestMatches(guest: GuestResource, search: string): boolean {
  const haystack = [guest.name, guest.vmid, guest.node, ...guest.tags].join(" ").toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => haystack.includes(word));
}

export type GuestColumn = "vmid" | "name" | "node" | "status" | "cpu" | "memory" | "uptime";

const VALUE: Record<GuestColumn, (guest: GuestResource) => number | string> = {
  vmid: (g) => g.vmid,
  name: (g) => g.name.toLowerCase(),
  node: (g) => g.node,
  status: (g) => g.status,
  cpu: (g) => g.cpu,
  memory: (g) => g.memBytes,
  uptime: (g) => g.uptimeS,
};

/** Sorted copy; equal values keep the order of ids. */
export function sortGuests(list: readonly GuestResource[], column: GuestColumn, descending: boolean): GuestResource[] {
  const value = VALUE[column];
  return [...list].sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
    return (descending ? -order : order) || a.vmid - b.vmid;
  });
}
