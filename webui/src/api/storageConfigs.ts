/** Which storages the cluster has, and how they are set up. */
import { client, type Params } from "./client";
import { Fields, rows } from "./wire";

export interface StorageConfig {
  storage: string;
  type: string;
  content: readonly string[];
  /** Where it is; empty: on all nodes. */
  nodes: readonly string[];
  enabled: boolean;
  /** Every option as text, those above too. */
  options: Readonly<Record<string, string>>;
  /** Of the whole list: a change names what it was made from. */
  digest: string;
}

const asText = (value: unknown) => (typeof value === "boolean" ? (value ? "1" : "0") : String(value));

function fromWire(wire: Fields): StorageConfig {
  return {
    storage: wire.text("storage"),
    type: wire.text("type"),
    content: wire.list("content").filter((kind) => kind !== "none"),
    nodes: wire.list("nodes"),
    enabled: !wire.bool("disable"),
    options: Object.fromEntries(
      wire
        .entries()
        .filter(([, value]) => value !== null && typeof value !== "object")
        .map(([key, value]) => [key, asText(value)]),
    ),
    digest: wire.text("digest"),
  };
}

export async function getStorageConfigs(): Promise<StorageConfig[]> {
  return rows(await client.call("GET /storage", {}))
    .map(fromWire)
    .sort((a, b) => (a.storage < b.storage ? -1 : 1));
}

export interface StorageChange {
  set: Readonly<Record<string, string>>;
  remove: readonly string[];
}

export async function addStorage(storage: string, type: string, set: StorageChange["set"]): Promise<void> {
  // Which options there are depends on the type; the server checks each.
  await client.call("POST /storage", { storage, type, ...set } as unknown as Params<"POST /storage">);
}

export async function changeStorage(config: StorageConfig, { set, remove }: StorageChange): Promise<void> {
  const { storage, digest } = config;
  const params = { storage, ...set, ...(remove.length > 0 && { delete: remove.join(",") }), digest };
  await client.call("PUT /storage/{storage}", params as Params<"PUT /storage/{storage}">);
}

/** What lies on it stays there. */
export async function forgetStorage(storage: string): Promise<void> {
  await client.call("DELETE /storage/{storage}", { storage });
}
