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

/** What is lost with a disk: `ext4 on /dev/sda1`, its own contents first. */
export function contentsOf(disk: Disk, partitions: readonly Disk[]): { use: string; path: string }[] {
  return [disk, ...partitions]
    .filter(({ used, parent }) => used !== "" && (parent !== null || used !== "partitions"))
    .map(({ used, path }) => ({ use: used, path }));
}
