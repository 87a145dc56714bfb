/** Machines in files: what an OVA or OVF file says of the machine that can be made from it. */
import { client } from "./client";
import { Fields, rows } from "./wire";

export interface ImportDisk {
  /** Where it is connected, e.g. `scsi0`. */
  slot: string;
  volid: string;
  sizeBytes: number;
}

export interface ImportCard {
  /** `net0` */
  key: string;
  model: string;
}

export interface ImportMachine {
  /** As a machine's configuration has them; without disks and cards. */
  options: Readonly<Record<string, string>>;
  disks: readonly ImportDisk[];
  cards: readonly ImportCard[];
  /** What cannot be as it was, by the server's words for it. */
  warnings: readonly string[];
}

export async function getImport(node: string, storage: string, volume: string): Promise<ImportMachine> {
  const params = { node, storage, volume };
  const wire = new Fields(await client.call("GET /nodes/{node}/storage/{storage}/import-metadata", params));
  const each = (name: string) =>
    wire
      .sub(name)
      .entries()
      .map(([key, value]) => ({ key, fields: new Fields(value), text: String(value) }))
      .sort((a, b) => a.key.localeCompare(b.key, "en", { numeric: true }));
  return {
    options: Object.fromEntries(each("create-args").map(({ key, text }) => [key, text])),
    disks: each("disks").map(({ key, fields, text }) => ({
      slot: key,
      volid: fields.text("volid") || text,
      sizeBytes: fields.num("size"),
    })),
    cards: each("net").map(({ key, fields }) => ({ key, model: fields.text("model") })),
    warnings: [...new Set(rows(wire.raw("warnings")).map((warning) => warning.text("type")))],
  };
}
