/** From what people edit to options of a guest's configuration, and back. Pure. */
import type { GuestKind } from "../api/cluster";
import type { GuestConfig } from "../api/guests";
import type { Change, Pending } from "../api/hardware";
import { parsePropertyString } from "./propertyString";

export type FormValues = Readonly<Record<string, string>>;

/** How many of each a guest can have. */
const ROOM: Readonly<Record<string, number>> = { ide: 4, sata: 6, scsi: 31, virtio: 16, net: 32, mp: 256 };

/** `scsi1`: the first place of that kind which is free, or would be once pending changes are made; null: none. */
export function freeKey(config: GuestConfig, pending: readonly Pending[], stem: string): string | null {
  const taken = new Set([...Object.keys(config), ...pending.map(({ key }) => key)]);
  for (let n = 0; n < (ROOM[stem] ?? 0); n++) if (!taken.has(`${stem}${n}`)) return `${stem}${n}`;
  return null;
}

/** One part of a property string anew, the others as they are; empty takes it out. */
export function withPart(text: string, name: string, value: string): string {
  const parts = parsePropertyString(text);
  if (value === "") parts.delete(name);
  else parts.set(name, value);
  return [...parts].map(([key, part]) => (key === "" ? part : `${key}=${part}`)).join(",");
}

/** Options that change and options that go, from values that may be empty; what is as before is left out. */
export function changeOf(before: FormValues, after: FormValues): Change {
  const set: Record<string, string> = {};
  const remove: string[] = [];
  for (const [key, value] of Object.entries(after)) {
    const old = before[key] ?? "";
    if (value === old) continue;
    if (value === "") remove.push(key);
    else set[key] = value;
  }
  return { set, remove };
}

export function isEmpty({ set = {}, remove = [], revert = [] }: Change): boolean {
  return Object.keys(set).length === 0 && remove.length === 0 && revert.length === 0;
}

/** The options as they will be: what a form begins with. */
export function asWanted(config: GuestConfig, pending: readonly Pending[]): GuestConfig {
  const wanted: Record<string, string> = { ...config };
  for (const { key, next } of pending) {
    if (next === null) delete wanted[key];
    else wanted[key] = next;
  }
  return wanted;
}

export const NET_MODELS = ["virtio", "e1000", "e1000e", "rtl8139", "vmxnet3"] as const;

export interface Card {
  /** Empty for containers. */
  model: string;
  mac: string;
  bridge: string;
  tag: string;
}

export function parseCard(kind: GuestKind, text: string): Card {
  const parts = parsePropertyString(text);
  const short = NET_MODELS.find((name) => parts.has(name));
  return {
    model: kind === "qemu" ? (short ?? parts.get("model") ?? parts.get("") ?? "") : "",
    mac: (short ? parts.get(short) : (parts.get("macaddr") ?? parts.get("hwaddr"))) ?? "",
    bridge: parts.get("bridge") ?? "",
    tag: parts.get("tag") ?? "",
  };
}

/** A card with other values; what the form does not show stays, its address too. */
export function changedCard(kind: GuestKind, text: string, wanted: Pick<Card, "model" | "bridge" | "tag">): string {
  const now = parseCard(kind, text);
  let changed = withPart(withPart(text, "bridge", wanted.bridge), "tag", wanted.tag);
  if (kind === "qemu" && wanted.model !== now.model) {
    for (const name of [...NET_MODELS, "model", "macaddr", ""]) changed = withPart(changed, name, "");
    changed = [now.mac ? `${wanted.model}=${now.mac}` : wanted.model, changed].filter(Boolean).join(",");
  }
  return changed;
}

export function newCard(kind: GuestKind, key: string, wanted: Pick<Card, "model" | "bridge" | "tag">): string {
  const first = kind === "qemu" ? wanted.model : `name=eth${key.slice(3)}`;
  return [first, `bridge=${wanted.bridge}`, wanted.tag && `tag=${wanted.tag}`, kind === "lxc" && "ip=dhcp"]
    .filter(Boolean)
    .join(",");
}
