/** Addresses of the views, all behind `#/`: permanent, and independent of the node a guest runs on. */
import type { GuestKind, Resource } from "../api/cluster";

interface GuestLike {
  kind: GuestKind;
  vmid: number;
}

export const urls = {
  datacenter: "/",
  welcome: "/welcome",
  datacenterTab: (tab: string): string =>
    tab === "summary" ? urls.datacenter : tab === "access" ? urls.access() : `/datacenter/${tab}`,
  node: (node: string, tab = "") => `/nodes/${encodeURIComponent(node)}${tab && `/${tab}`}`,
  guest: ({ kind, vmid }: GuestLike, tab = "") =>
    `/${kind === "qemu" ? "vms" : "containers"}/${vmid}${tab && `/${tab}`}`,
  storage: (node: string, storage: string) =>
    `/nodes/${encodeURIComponent(node)}/storage/${encodeURIComponent(storage)}`,
  access: (tab = "") => `/access${tab && `/${tab}`}`,
  task: (upid: string) => `/tasks/${encodeURIComponent(upid)}`,
};

export function resourceUrl(resource: Resource): string {
  switch (resource.kind) {
    case "node":
      return urls.node(resource.node);
    case "storage":
      return urls.storage(resource.node, resource.storage);
    case "qemu":
    case "lxc":
      return urls.guest(resource);
  }
}

/** The resource id that an address is about, for the mark in the tree; null where it is about none. */
export function resourceIdOfPath(pathname: string): string | null {
  const [area = "", first = "", second = "", third = ""] = pathname.split("/").slice(1).map(decodeURIComponent);
  if (area === "vms" && first) return `qemu/${first}`;
  if (area === "containers" && first) return `lxc/${first}`;
  if (area !== "nodes" || !first) return null;
  return second === "storage" && third ? `storage/${first}/${third}` : `node/${first}`;
}

/** Is the address one of the whole cluster's views? */
export function isDatacenter(pathname: string): boolean {
  return pathname === urls.datacenter || /^\/(datacenter|access|welcome)(\/|$)/.test(pathname);
}
