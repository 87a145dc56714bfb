import type { Resource } from "../api/cluster";
import { groupBy } from "./groupBy";
import { guests, nodes, storagesOf } from "./resources";

export interface TreeItem {
  id: string;
  resource: Resource;
  children: TreeItem[];
}

/** Nodes by name; below each its guests by id, then its storages by name. What names no known node is left out. */
export function buildTree(resources: readonly Resource[]): TreeItem[] {
  const leaf = (resource: Resource): TreeItem => ({ id: resource.id, resource, children: [] });
  const guestsOf = groupBy(guests(resources), ({ node }) => node);
  return nodes(resources).map((node) => ({
    id: node.id,
    resource: node,
    children: [...(guestsOf.get(node.node) ?? []).map(leaf), ...storagesOf(resources, node.node).map(leaf)],
  }));
}

/** An entry of a tree as it is drawn, in order from top to bottom. */
export interface ShownItem {
  id: string;
  /** null: the root, which stands for all of them. */
  resource: Resource | null;
  level: number;
  position: number;
  siblings: number;
  isOpen: boolean | null;
}

/** The root and what is below it, without what is below those that are closed. */
export function shownItems(tree: readonly TreeItem[], root: string, closed: ReadonlySet<string>): ShownItem[] {
  const isOpen = (id: string, children: readonly TreeItem[]) => (children.length > 0 ? !closed.has(id) : null);
  const below = (items: readonly TreeItem[], level: number): ShownItem[] =>
    items.flatMap(({ id, resource, children }, i) => {
      const open = isOpen(id, children);
      const item = { id, resource, level, position: i + 1, siblings: items.length, isOpen: open };
      return open ? [item, ...below(children, level + 1)] : [item];
    });
  const top = { id: root, resource: null, level: 1, position: 1, siblings: 1, isOpen: isOpen(root, tree) };
  return top.isOpen ? [top, ...below(tree, 2)] : [top];
}
