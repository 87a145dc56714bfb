import { client, type Params, type UploadOptions } from "./client";
import { Fields, rows } from "./wire";

export interface Storage {
  storage: string;
  type: string;
  content: string[];
  active: boolean;
  enabled: boolean;
  shared: boolean;
  usedBytes: number;
  availableBytes: number;
  totalBytes: number;
}

export interface Volume {
  /** `<storage>:<name>` */
  volid: string;
  content: string;
  format: string;
  sizeBytes: number;
  createdS: number | null;
  /** The guest that owns it, or null. */
  vmid: number | null;
}

/** Content kinds that a browser can upload. */
export const UPLOADABLE = ["iso", "vztmpl", "import"] as const;
export type Uploadable = (typeof UPLOADABLE)[number];

function storageFromWire(storage: string, wire: Fields): Storage {
  return {
    storage,
    type: wire.text("type"),
    content: wire.list("content"),
    active: wire.bool("active"),
    enabled: wire.bool("enabled"),
    shared: wire.bool("shared"),
    usedBytes: wire.num("used"),
    availableBytes: wire.num("avail"),
    totalBytes: wire.num("total"),
  };
}

/** The storages that a node can use. */
export async function getStorages(node: string): Promise<Storage[]> {
  const wire = rows(await client.call("GET /nodes/{node}/storage", { node, enabled: true }));
  return wire
    .map((entry) => storageFromWire(entry.text("storage"), entry))
    .sort((a, b) => (a.storage < b.storage ? -1 : 1));
}

export async function getStorage(node: string, storage: string): Promise<Storage> {
  const answer = await client.call("GET /nodes/{node}/storage/{storage}/status", { node, storage });
  return storageFromWire(storage, new Fields(answer));
}

/** The kinds of content that can be asked for. */
export type ContentKind = NonNullable<Params<"GET /nodes/{node}/storage/{storage}/content">["content"]>;

/** What a storage holds, of one kind or of all, by volume id. */
export async function getContent(node: string, storage: string, content?: ContentKind): Promise<Volume[]> {
  const params = { node, storage, content };
  const wire = rows(await client.call("GET /nodes/{node}/storage/{storage}/content", params));
  return wire
    .map((entry) => ({
      volid: entry.text("volid"),
      content: entry.text("content"),
      format: entry.text("format"),
      sizeBytes: entry.num("size"),
      createdS: entry.numOrNull("ctime"),
      vmid: entry.numOrNull("vmid"),
    }))
    .sort((a, b) => (a.volid < b.volid ? -1 : 1));
}

/** Send a file; returns the id of the task that puts it in place. Form fields must come before the file. */
export function uploadFile(
  target: { node: string; storage: string; content: Uploadable },
  file: File,
  options: UploadOptions,
): Promise<string> {
  const form = new FormData();
  form.append("content", target.content);
  form.append("filename", file, file.name);
  const { node, storage } = target;
  return client.upload("POST /nodes/{node}/storage/{storage}/upload", { node, storage }, form, options);
}

/** Returns the id of the task, or null where the volume is gone already. */
export async function deleteVolume(node: string, storage: string, volid: string): Promise<string | null> {
  const params = { node, storage, volume: volid };
  return (await client.call("DELETE /nodes/{node}/storage/{storage}/content/{volume}", params)) ?? null;
}
