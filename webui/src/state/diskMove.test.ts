import { expect, test } from "vitest";
import type { Storage } from "../api/storage";
import { isMovable, moveTargets, mustBeOff, storageOf } from "./diskMove";

const storage = (name: string, type: string, content: string[], availableBytes: number): Storage => ({
  storage: name,
  type,
  content,
  active: name !== "away",
  enabled: true,
  shared: false,
  usedBytes: 0,
  availableBytes,
  totalBytes: 100,
});

const STORAGES = [
  storage("files", "dir", ["images", "rootdir"], 90),
  storage("thin", "lvmthin", ["images", "rootdir"], 20),
  storage("pool", "zfspool", ["images"], 50),
  storage("away", "nfs", ["images"], 99),
  storage("isos", "dir", ["iso"], 99),
];
const names = (kind: "qemu" | "lxc", volid: string) =>
  moveTargets({ kind }, STORAGES, volid).map((target) => target.storage);

test("a disk goes where disks can be; its own storage, the last one, takes another format of it only if of files", () => {
  expect(names("qemu", "thin:vm-1-disk-0")).toEqual(["files", "pool"]);
  expect(names("qemu", "files:1/vm-1-disk-0.raw")).toEqual(["pool", "thin", "files"]);
  expect(names("lxc", "files:1/vm-1-disk-0.raw")).toEqual(["thin"]);
});

test("what stands still only while the guest is off", () => {
  expect(mustBeOff({ kind: "qemu", running: true }, "scsi0")).toBe(false);
  expect(mustBeOff({ kind: "qemu", running: true }, "efidisk0")).toBe(true);
  expect(mustBeOff({ kind: "qemu", running: false }, "tpmstate0")).toBe(false);
  expect(mustBeOff({ kind: "lxc", running: true }, "rootfs")).toBe(true);
  expect(mustBeOff({ kind: "lxc", running: true }, "unused0")).toBe(false);
});

test("options that hold a volume", () => {
  expect(["scsi0", "efidisk0", "rootfs", "mp3", "unused1"].filter(isMovable)).toHaveLength(5);
  expect(["net0", "scsihw", "serial0"].filter(isMovable)).toEqual([]);
  expect(storageOf("nas:100/vm-100-disk-0.qcow2")).toBe("nas");
});
