import type { GuestResource, Resource } from "../api/cluster";
import { groupBy } from "./groupBy";
import { guests, nodes, storagesOf } from "./resources";
import { Store } from "./store";

/** What entries stand below. */
export type Grouping = (typeof GROUPINGS)[number];
export const GROUPINGS = ["node", "kind", "pool", "tag"] as const;

const STORAGE_KEY = "holdfast.tree";

/** Kept per browser. */
export class GroupingChoice extends Store<Grouping> {
  constructor() {
    const stored = localStorage.getItem(STORAGE_KEY);
    super(GROUPINGS.find((grouping) => grouping === stored) ?? "node");
  }

  override set(grouping: Grouping): void {
    localStorage.setItem(STORAGE_KEY, grouping);
    super.set(grouping);
  }
}

export interface TreeItem {
  /** Of its own: a guest stands below each of its tags. */
  id: string;
  /** null: a group. */
  resource: Resource | null;
  /** The group's name; empty: of those that are in none. */
  group: string;
  children: TreeItem[];
}

const leaf = (resource: Resource, below = ""): TreeItem => ({
  id: below + resource.id,
  resource,
  group: "",
  children: [],
});

const group = (kind: string, name: string, inside: readonly Resource[]): TreeItem => {
  const id = `${kind}:${name}`;
  return { id, resource: null, group: name, children: inside.map((resource) => leaf(resource, `${id}/`)) };
};

/** Names in order, then those that have none. */
const inOrder = (a: string, b: string) => Number(a === "") - Number(b === "") || (a < b ? -1 : a > b ? 1 : 0);

/** Nodes by name; below each its guests by id, then its storages by name. What names no known node is left out. */
export function buildTree(resources: readonly Resource[], grouping: Grouping = "node"): TreeItem[] {
  const all = guests(resources);
  switch (grouping) {
    case "node": {
      const guestsOf = groupBy(all, ({ node }) => node);
      return nodes(resources).map((node) => ({
        ...leaf(node),
        children: [...(guestsOf.get(node.node) ?? []), ...storagesOf(resources, node.node)].map((item) => leaf(item)),
      }));
    }
    case "kind": {
      const inside: [string, readonly Resource[]][] = [
        ["node", nodes(resources)],
        ["qemu", all.filter(({ kind }) => kind === "qemu")],
        ["lxc", all.filter(({ kind }) => kind === "lxc")],
        ["storage", nodes(resources).flatMap(({ node }) => storagesOf(resources, node))],
      ];
      return inside.filter(([, items]) => items.length > 0).map(([name, items]) => group("kind", name, items));
    }
    case "pool":
      return guestGroups("pool", all, ({ pool }) => [pool]);
    case "tag":
      return guestGroups("tag", all, ({ tags }) => (tags.length > 0 ? tags : [""]));
  }
}

function guestGroups(
  kind: string,
  all: readonly GuestResource[],
  namesOf: (guest: GuestResource) => readonly string[],
): TreeItem[] {
  const found = new Map<string, GuestResource[]>();
  for (const guest of all) {
    for (const name of namesOf(guest)) {
      const inside = found.get(name);
      if (inside) inside.push(guest);
      else found.set(name, [guest]);
    }
  }
  return [...found].sort(([a], [b]) => inOrder(a, b)).map(([name, inside]) => group(kind, name, inside));
}

/** An entry of a tree as it is drawn, in order from top to bottom. */
export interface ShownItem {
  id: string;
  /** null: a group, or the root, which stands for all of them. */
  resource: Resource | null;
  group: string;
  level: number;
  position: number;
  siblings: number;
  isOpen: boolean | null;
}

/** The root and what is below it, without what is below those that are closed. */
export function shownItems(tree: readonly TreeItem[], root: string, closed: ReadonlySet<string>): ShownItem[] {
  const isOpen = (id: string, children: readonly TreeItem[]) => (children.length > 0 ? !closed.has(id) : null);
  const below = (items: readonly TreeItem[], level: number): ShownItem[] =>
    items.flatMap(({ children, ...entry }, i) => {
      const open = isOpen(entry.id, children);
      const item = { ...entry, level, position: i + 1, siblings: items.length, isOpen: open };
      return open ? [item, ...below(children, level + 1)] : [item];
    });
  const top = {
    id: root,
    resource: null,
    group: "",
    level: 1,
    position: 1,
    siblings: 1,
    isOpen: isOpen(root, tree),
  };
  return top.isOpen ? [top, ...below(tree, 2)] : [top];
}
