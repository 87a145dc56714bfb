/** Questions to the resource list. All pure; the list itself lives in the query cache. */
import { groupBy } from "./groupBy";
import type { GuestResource, NodeResource, Resource, StorageResource } from "../api/cluster";

export const isGuest = (r: Resource): r is GuestResource => r.kind === "qemu" || r.kind === "lxc";
export const isNode = (r: Resource): r is NodeResource => r.kind === "node";
export const isStorage = (r: Resource): r is StorageResource => r.kind === "storage";

/** Words in order, much faster than `localeCompare`. */
const inOrder = new Intl.Collator("en").compare;

/** Answers of a question to a list, asked once for each list: views ask it again and again of thousands of entries. */
function once<T>(answer: (resources: readonly Resource[]) => T): (resources: readonly Resource[]) => T {
  const known = new WeakMap<readonly Resource[], { answer: T }>();
  return (resources) => {
    const told = known.get(resources) ?? { answer: answer(resources) };
    known.set(resources, told);
    return told.answer;
  };
}

/** By id. */
export const guests = once((all): readonly GuestResource[] => all.filter(isGuest).sort((a, b) => a.vmid - b.vmid));

/** By name. */
export const nodes = once((all): readonly NodeResource[] => all.filter(isNode).sort((a, b) => inOrder(a.node, b.node)));

const storages = once((all) => {
  const byName = all.filter(isStorage).sort((a, b) => inOrder(a.storage, b.storage));
  return groupBy(byName, ({ node }) => node);
});

/** By name. */
export function storagesOf(resources: readonly Resource[], node: string): readonly StorageResource[] {
  return storages(resources).get(node) ?? [];
}

export function findGuest(resources: readonly Resource[], vmid: number): GuestResource | undefined {
  return guests(resources).find((guest) => guest.vmid === vmid);
}

/** Does the text occur in the guest's name, id, tags or node? Every word must. */
export function guestMatches(guest: GuestResource, search: string): boolean {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const haystack = [guest.name, guest.vmid, guest.node, ...guest.tags].join(" ").toLowerCase();
  return words.every((word) => haystack.includes(word));
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
    const order = typeof x === "number" && typeof y === "number" ? x - y : inOrder(String(x), String(y));
    return (descending ? -order : order) || a.vmid - b.vmid;
  });
}
