/** What a new host has, in the terms of the first-run page; and whether its card was closed. */
import type { Disk } from "../api/disks";
import type { Storage } from "../api/storage";
import { type Uploadable, UPLOADABLE } from "../api/storage";
import type { Interface } from "../api/system";
import { freeDisks } from "./disks";
import { Store } from "./store";

const STORAGE_KEY = "holdfast.welcome";
const CLOSED = "closed";

/** Closed once, the card does not come again in this browser; the page keeps its address. */
export class WelcomeClosed extends Store<boolean> {
  constructor() {
    super(localStorage.getItem(STORAGE_KEY) === CLOSED);
  }

  close(): void {
    localStorage.setItem(STORAGE_KEY, CLOSED);
    this.set(true);
  }
}

/** What to do next about storage: there is room on disks that nothing uses, or images are wanted. */
export function storageStep(storages: readonly Storage[], disks: readonly Disk[]) {
  const takes = (kind: Uploadable) => storages.find(({ active, content }) => active && content.includes(kind));
  return {
    unused: freeDisks(disks).length,
    /** Where an installation image or a template goes; null where no storage takes one. */
    upload: UPLOADABLE.map(takes).find((storage) => storage !== undefined)?.storage ?? null,
  };
}

/** Where guests can be connected: the bridges that are up, those that reach out of the host first. */
export function bridgesOf(interfaces: readonly Interface[]): Interface[] {
  const reach = ({ parts }: Interface) => (parts.length > 0 ? 0 : 1);
  return interfaces
    .filter(({ type, active }) => active && /bridge/i.test(type))
    .sort((a, b) => reach(a) - reach(b) || (a.name < b.name ? -1 : 1));
}
