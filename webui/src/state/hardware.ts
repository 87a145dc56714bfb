/** A guest's configuration, sorted into what an administrator looks for. Pure; every option ends up in some section. */
import type { GuestConfig } from "../api/guests";
import type { GuestKind } from "../api/cluster";
import { parsePropertyString } from "./propertyString";

export type Section = "compute" | "disks" | "network" | "cloudinit" | "devices" | "options";
export const SECTIONS: readonly Section[] = ["compute", "disks", "network", "cloudinit", "devices", "options"];

export interface ConfigRow {
  key: string;
  value: string;
}

const COMPUTE = ["sockets", "cores", "vcpus", "cpu", "cpulimit", "cpuunits", "numa", "memory", "balloon", "swap"];
const DISK = /^(ide|sata|scsi|virtio|efidisk|tpmstate|unused|mp)\d+$|^rootfs$/;
const DEVICE = /^(serial|usb|hostpci|parallel|audio|dev|rng)\d+$|^(vga|machine|bios|scsihw)$/;
/** Shown elsewhere, or meaningless to people. */
const HIDDEN = new Set(["digest", "description", "name", "hostname", "parent", "lock", "meta"]);

function sectionOf(key: string): Section {
  if (COMPUTE.includes(key)) return "compute";
  if (DISK.test(key)) return "disks";
  if (/^net\d+$/.test(key)) return "network";
  if (/^(ci(user|password|type|custom|upgrade)|sshkeys|ipconfig\d+)$/.test(key)) return "cloudinit";
  return DEVICE.test(key) ? "devices" : "options";
}

export function configSections(config: GuestConfig): Record<Section, ConfigRow[]> {
  const sections: Record<Section, ConfigRow[]> = {
    compute: [],
    disks: [],
    network: [],
    cloudinit: [],
    devices: [],
    options: [],
  };
  for (const key of Object.keys(config).sort((a, b) => a.localeCompare(b, "en", { numeric: true }))) {
    if (!HIDDEN.has(key)) sections[sectionOf(key)].push({ key, value: config[key] ?? "" });
  }
  sections.compute.sort((a, b) => COMPUTE.indexOf(a.key) - COMPUTE.indexOf(b.key));
  return sections;
}

export interface DiskRef {
  key: string;
  volid: string;
  /** As configured, e.g. `32G`; empty where unknown. */
  size: string;
}

/** What a disk's or drive's line names: a volume, a path, "none"; empty where it names nothing. */
export function sourceOf(parts: ReadonlyMap<string, string>): string {
  return parts.get("") ?? parts.get("file") ?? parts.get("volume") ?? "";
}

/** The volumes that go away with the guest: no removable media, no bind mounts. */
export function ownedDisks(config: GuestConfig): DiskRef[] {
  return configSections(config).disks.flatMap(({ key, value }) => {
    const parts = parsePropertyString(value);
    const volid = sourceOf(parts);
    const owned = volid.includes(":") && !volid.startsWith("/") && parts.get("media") !== "cdrom";
    return owned ? [{ key, volid, size: parts.get("size") ?? "" }] : [];
  });
}

/** The serial ports that a terminal can open (`socket` back end). */
export function serialPorts(kind: GuestKind, config: GuestConfig): string[] {
  if (kind !== "qemu") return [];
  return Object.keys(config)
    .filter((key) => /^serial\d$/.test(key) && config[key] === "socket")
    .sort();
}
