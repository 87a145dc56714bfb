/** Finding things and views by a few words. Pure. */
import type { Resource } from "../api/cluster";
import { isGuest, isStorage } from "./resources";

/** Something that can be gone to. `words`: what it is found by, the best first. */
export interface Place<T> {
  what: T;
  words: readonly string[];
}

/** What a resource is found by: what it is called, then what else is known of it. */
export function wordsOf(resource: Resource): string[] {
  if (isGuest(resource)) return [String(resource.vmid), resource.name, ...resource.tags, resource.node];
  if (isStorage(resource)) return [resource.storage, resource.node, resource.type];
  return [resource.node];
}

/** 0: it is that; 1: it begins so; 2: it is in it; null: not at all. */
function rank(words: readonly string[], wanted: string): number | null {
  const lower = words.map((word) => word.toLowerCase());
  if (lower.includes(wanted)) return 0;
  if (lower.some((word) => word.startsWith(wanted))) return 1;
  return lower.some((word) => word.includes(wanted)) ? 2 : null;
}

/** The places in which every word occurs, the nearest first, at most `limit`; none where nothing is asked. */
export function findPlaces<T>(places: readonly Place<T>[], search: string, limit: number): T[] {
  const wanted = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (wanted.length === 0) return [];
  const found: { what: T; rank: number }[] = [];
  for (const { what, words } of places) {
    let sum = 0;
    for (const word of wanted) sum += rank(words, word) ?? Infinity;
    if (sum < Infinity) found.push({ what, rank: sum });
  }
  return found
    .sort((a, b) => a.rank - b.rank)
    .slice(0, limit)
    .map(({ what }) => what);
}
