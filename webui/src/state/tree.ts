import type { Resource } from "../api/cluster";
import { guests, nodes, storagesOf } from "./resources";

export interface TreeItem {
  id: string;
  resource: Resource;
  children: TreeItem[];
}

/** Nodes by name; below each its guests by id, then its storages by name. What names no known node is left out. */
export function buildTree(resources: readonly Resource[]): TreeItem[] {
  const leaf = (resource: Resource): TreeItem => ({ id: resource.id, resource, children: [] });
  const allGuests = guests(resources);
  return nodes(resources).map((node) => ({
    id: node.id,
    resource: node,
    children: [
      ...allGuests.filter((guest) => guest.node === node.node).map(leaf),
      ...storagesOf(resources, node.node).map(leaf),
    ],
  }));
}
