/** Disks of a node, and what is made of them. Changes are tasks: each returns the id of one. */
import { client, type Params } from "./client";
import { type Fields, Fields as FieldsOf, rows } from "./wire";

export interface Disk {
  /** `/dev/sda` */
  path: string;
  model: string;
  serial: string;
  kind: string;
  sizeBytes: number;
  /** What is on it: `LVM`, `ext4`, `partitions`, …; empty where it is free. */
  used: string;
  mounted: boolean;
  gpt: boolean;
  health: string;
  /** How much of its life is left, in per cent; null where it does not say. */
  lifeLeft: number | null;
  /** Of a partition, the disk. */
  parent: string | null;
}

export function diskFromWire(wire: Fields): Disk {
  const wearout = wire.text("wearout");
  return {
    path: wire.text("devpath"),
    model: [wire.text("vendor"), wire.text("model")].filter((word) => word && word !== "unknown").join(" "),
    serial: wire.text("serial") === "unknown" ? "" : wire.text("serial"),
    kind: wire.text("type"),
    sizeBytes: wire.num("size"),
    used: wire.text("used"),
    mounted: wire.bool("mounted"),
    gpt: wire.bool("gpt"),
    health: wire.text("health"),
    lifeLeft: /^\d+(\.\d+)?$/.test(wearout) ? Number(wearout) : null,
    parent: wire.textOrNull("parent"),
  };
}

/** Disks with their partitions behind them. */
export async function getDisks(node: string): Promise<Disk[]> {
  const answer = await client.call("GET /nodes/{node}/disks/list", { node, "include-partitions": true });
  return rows(answer)
    .map(diskFromWire)
    .sort((a, b) => a.path.localeCompare(b.path, "en", { numeric: true }));
}

export interface SmartAttribute {
  id: string;
  name: string;
  value: string;
  worst: string;
  threshold: string;
  raw: string;
  failed: string;
}

export interface Smart {
  health: string;
  attributes: SmartAttribute[];
  /** What the disk says where it has no such attributes. */
  text: string;
}

export async function getSmart(node: string, disk: string): Promise<Smart> {
  const wire = new FieldsOf(await client.call("GET /nodes/{node}/disks/smart", { node, disk }));
  const attributes = rows(wire.raw("attributes")).map((row) => ({
    id: row.text("id").trim(),
    name: row.text("name"),
    value: row.text("value"),
    worst: row.text("worst"),
    threshold: row.text("threshold"),
    raw: row.text("raw"),
    failed: row.text("fail") === "-" ? "" : row.text("fail"),
  }));
  return { health: wire.text("health"), attributes, text: wire.text("text") };
}

export const initDisk = (node: string, disk: string): Promise<string> =>
  client.call("POST /nodes/{node}/disks/initgpt", { node, disk });

export const wipeDisk = (node: string, disk: string): Promise<string> =>
  client.call("PUT /nodes/{node}/disks/wipedisk", { node, disk });

export const POOL_KINDS = ["directory", "lvm", "lvmthin", "zfs"] as const;
export type PoolKind = (typeof POOL_KINDS)[number];

/** What one or several disks have become. */
export interface Pool {
  kind: PoolKind;
  name: string;
  /** Of a thin pool, the volume group it is in. */
  group: string | null;
  sizeBytes: number | null;
  usedBytes: number | null;
  devices: string[];
  /** Of a ZFS pool: `ONLINE`, `DEGRADED`, … */
  health: string;
}

const NOTHING = { group: null, sizeBytes: null, usedBytes: null, devices: [], health: "" };

function folderFromWire(wire: Fields): Pool {
  const name = wire.text("path").replace(/^\/mnt\/pve\//, "");
  return { ...NOTHING, kind: "directory", name, devices: [wire.text("device")] };
}

function groupFromWire(wire: Fields): Pool {
  const sizeBytes = wire.num("size");
  const devices = rows(wire.raw("children")).map((disk) => disk.text("name"));
  return {
    ...NOTHING,
    kind: "lvm",
    name: wire.text("name"),
    sizeBytes,
    usedBytes: sizeBytes - wire.num("free"),
    devices,
  };
}

function thinFromWire(wire: Fields): Pool {
  const [sizeBytes, usedBytes] = [wire.num("lv_size"), wire.num("used")];
  return { ...NOTHING, kind: "lvmthin", name: wire.text("lv"), group: wire.text("vg"), sizeBytes, usedBytes };
}

function zfsFromWire(wire: Fields): Pool {
  const [sizeBytes, usedBytes] = [wire.numOrNull("size"), wire.numOrNull("alloc")];
  return { ...NOTHING, kind: "zfs", name: wire.text("name"), sizeBytes, usedBytes, health: wire.text("health") };
}

export async function getPools(node: string): Promise<Pool[]> {
  const [folders, groups, thin, zfs] = await Promise.all([
    client.call("GET /nodes/{node}/disks/directory", { node }),
    client.call("GET /nodes/{node}/disks/lvm", { node }),
    client.call("GET /nodes/{node}/disks/lvmthin", { node }),
    client.call("GET /nodes/{node}/disks/zfs", { node }),
  ]);
  return [
    ...rows(folders).map(folderFromWire),
    ...rows(new FieldsOf(groups).raw("children")).map(groupFromWire),
    ...rows(thin).map(thinFromWire),
    ...rows(zfs).map(zfsFromWire),
  ];
}

export type ZfsLevel = Params<"POST /nodes/{node}/disks/zfs">["raidlevel"];

export interface NewPool {
  kind: PoolKind;
  name: string;
  devices: readonly string[];
  fileSystem: "ext4" | "xfs";
  level: ZfsLevel;
  addStorage: boolean;
}

export function createPool(node: string, pool: NewPool): Promise<string> {
  const { kind, name, devices, fileSystem, level, addStorage } = pool;
  const made = { node, name, device: devices[0] ?? "", add_storage: addStorage };
  switch (kind) {
    case "directory":
      return client.call("POST /nodes/{node}/disks/directory", { ...made, filesystem: fileSystem });
    case "lvm":
      return client.call("POST /nodes/{node}/disks/lvm", made);
    case "lvmthin":
      return client.call("POST /nodes/{node}/disks/lvmthin", made);
    case "zfs":
      return client.call("POST /nodes/{node}/disks/zfs", {
        node,
        name,
        devices: devices.join(","),
        raidlevel: level,
        add_storage: addStorage,
      });
  }
}

/** `forget`: also the storages that are on it; `wipe`: also its disks. */
export function removePool(node: string, pool: Pool, { forget, wipe }: { forget: boolean; wipe: boolean }) {
  const params = { node, name: pool.name, "cleanup-config": forget, "cleanup-disks": wipe };
  if (pool.kind === "lvmthin") {
    const group = { "volume-group": pool.group ?? "" };
    return client.call("DELETE /nodes/{node}/disks/lvmthin/{name}", { ...params, ...group });
  }
  return client.call(`DELETE /nodes/{node}/disks/${pool.kind}/{name}`, params);
}
