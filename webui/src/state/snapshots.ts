/** Snapshots in the order in which they came from each other. Pure. */
import type { Snapshot, Snapshots } from "../api/snapshots";

/** `snapshot` null: the present state. */
export interface SnapshotRow {
  depth: number;
  snapshot: Snapshot | null;
}

/**
 * Each snapshot below the one that it came after, older ones first, the present state last among its neighbours. What
 * names a parent that is gone, or itself by a detour, stands at the top.
 */
export function snapshotRows({ taken, presentAfter }: Snapshots): SnapshotRow[] {
  const known = new Map(taken.map((snapshot) => [snapshot.name, snapshot]));
  const rows: SnapshotRow[] = [];
  const placed = new Set<string>();
  const place = (snapshot: Snapshot, depth: number) => {
    if (placed.has(snapshot.name)) return;
    placed.add(snapshot.name);
    rows.push({ depth, snapshot });
    below(snapshot.name, depth + 1);
  };
  const below = (parent: string, depth: number) => {
    for (const snapshot of byAge) if (snapshot.parent === parent) place(snapshot, depth);
    if (parent === presentAfter) rows.push({ depth, snapshot: null });
  };
  const byAge = [...taken].sort((a, b) => (a.takenS ?? 0) - (b.takenS ?? 0) || a.name.localeCompare(b.name));
  for (const snapshot of byAge) if (!known.has(snapshot.parent)) place(snapshot, 0);
  for (const snapshot of byAge) place(snapshot, 0);
  if (!rows.some((row) => row.snapshot === null)) rows.push({ depth: 0, snapshot: null });
  return rows;
}

/** "before-update", "before-update-2": a name that is free, for the form to begin with. */
export function freeSnapshotName(taken: readonly Snapshot[], stem: string): string {
  const names = new Set(taken.map(({ name }) => name));
  for (let n = 1; ; n++) {
    const name = n === 1 ? stem : `${stem}-${n}`;
    if (!names.has(name)) return name;
  }
}
