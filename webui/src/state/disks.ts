/** Questions to the disks of a node. All pure. */
import type { Disk } from "../api/disks";

/** The disks themselves, each with its partitions. */
export function withPartitions(all: readonly Disk[]): { disk: Disk; partitions: Disk[] }[] {
  return all
    .filter((disk) => disk.parent === null)
    .map((disk) => ({ disk, partitions: all.filter((part) => part.parent === disk.path) }));
}

export function isFree(disk: Disk, partitions: readonly Disk[]): boolean {
  return disk.used === "" && !disk.mounted && partitions.length === 0;
}

/** Disks that something can be made of. */
export function freeDisks(all: readonly Disk[]): Disk[] {
  return withPartitions(all)
    .filter(({ disk, partitions }) => isFree(disk, partitions))
    .map(({ disk }) => disk);
}

/** How much a fact about a disk should worry; null: not at all. */
export type Judgement = "danger" | "warning" | null;

/** `health`: the overall word of SMART. `UNKNOWN` and the like are no verdict. */
export function judgeHealth(health: string): Judgement {
  return /^fail/i.test(health) ? "danger" : null;
}

/** Per cent of its life that may be gone before a disk is due. */
const WORN = 90;

export function judgeWear(lifeLeft: number | null): Judgement {
  return lifeLeft !== null && 100 - lifeLeft > WORN ? "warning" : null;
}

/** What is lost with a disk: `ext4 on /dev/sda1`, its own contents first. */
export function contentsOf(disk: Disk, partitions: readonly Disk[]): { use: string; path: string }[] {
  return [disk, ...partitions]
    .filter(({ used, parent }) => used !== "" && (parent !== null || used !== "partitions"))
    .map(({ used, path }) => ({ use: used, path }));
}
