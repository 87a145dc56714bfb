import { expect, test } from "vitest";
import { type Disk, diskFromWire } from "../api/disks";
import { Fields } from "../api/wire";
import { contentsOf, freeDisks, judgeHealth, judgeWear, withPartitions } from "./disks";

const disk = (path: string, more: Partial<Disk> = {}): Disk => ({
  ...diskFromWire(new Fields({ devpath: path, size: 1024 })),
  ...more,
});
const SYSTEM = disk("/dev/sda", { used: "partitions" });
const ROOT = disk("/dev/sda1", { parent: "/dev/sda", used: "ext4", mounted: true });
const SWAP = disk("/dev/sda2", { parent: "/dev/sda" });
const POOL = disk("/dev/sdb", { used: "ZFS" });
const EMPTY = disk("/dev/sdc");
const ALL = [SYSTEM, ROOT, SWAP, POOL, EMPTY];

test("what the wire does not know is empty", () => {
  const wire = { devpath: "/dev/sda", vendor: "ATA", model: "Disk_1", serial: "unknown", wearout: "N/A", type: "ssd" };
  expect(diskFromWire(new Fields(wire))).toMatchObject({ model: "ATA Disk_1", serial: "", lifeLeft: null, used: "" });
  expect(diskFromWire(new Fields({ wearout: 97 })).lifeLeft).toBe(97);
});

test("disks have their partitions", () => {
  expect(withPartitions(ALL).map(({ disk: { path }, partitions }) => [path, partitions.length])).toEqual([
    ["/dev/sda", 2],
    ["/dev/sdb", 0],
    ["/dev/sdc", 0],
  ]);
});

test("a disk with partitions is not free, whatever they hold", () => {
  expect(freeDisks(ALL)).toEqual([EMPTY]);
  expect(freeDisks([disk("/dev/sda"), SWAP])).toEqual([]);
});

test("what is lost with it", () => {
  expect(contentsOf(SYSTEM, [ROOT, SWAP])).toEqual([{ use: "ext4", path: "/dev/sda1" }]);
  expect(contentsOf(POOL, [])).toEqual([{ use: "ZFS", path: "/dev/sdb" }]);
  expect(contentsOf(EMPTY, [])).toEqual([]);
});

test("a failing disk is a danger, one that is nearly worn out a warning", () => {
  expect(["PASSED", "OK", "UNKNOWN", "FAILED", "FAILED!"].map(judgeHealth)).toEqual([
    null,
    null,
    null,
    "danger",
    "danger",
  ]);
  expect([100, 10, 9, 0, null].map(judgeWear)).toEqual([null, null, "warning", "warning", null]);
});
