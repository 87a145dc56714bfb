/** The kinds of storages that there are drivers for, as forms. Pure. */
import type { StorageChange, StorageConfig } from "../api/storageConfigs";

export type Values = Readonly<Record<string, string>>;

interface Option {
  name: string;
  kind: "text" | "checkbox";
  required?: boolean;
  /** It is as it was made. */
  fixed?: boolean;
}

interface StorageType {
  /** The options that say what it is made of first. */
  options: readonly Option[];
  content: readonly string[];
  /** What a new one is for, if nothing else is said. */
  usual: readonly string[];
}

const fixed = (name: string): Option => ({ name, kind: "text", required: true, fixed: true });
const flag = (name: string): Option => ({ name, kind: "checkbox" });

const FILES = ["images", "rootdir", "iso", "vztmpl", "import", "snippets", "backup"];
const VOLUMES = ["images", "rootdir"];

export const STORAGE_TYPES: Readonly<Record<string, StorageType>> = {
  dir: { options: [fixed("path"), flag("shared")], content: FILES, usual: ["iso", "vztmpl", "import"] },
  nfs: {
    options: [fixed("server"), fixed("export"), { name: "options", kind: "text" }],
    content: FILES,
    usual: ["images", "iso", "vztmpl", "import"],
  },
  lvm: { options: [fixed("vgname"), flag("shared")], content: VOLUMES, usual: VOLUMES },
  lvmthin: { options: [fixed("vgname"), fixed("thinpool")], content: VOLUMES, usual: VOLUMES },
  zfspool: { options: [fixed("pool"), flag("sparse")], content: VOLUMES, usual: VOLUMES },
  btrfs: { options: [fixed("path")], content: FILES, usual: VOLUMES },
};

/** What a storage of a type that the page does not know lies on is told by these. */
const PLACES = ["server", "export", "share", "datastore", "portal", "target", "vgname", "thinpool", "pool"];

/** Where it is, in few words: `nas:/srv/images`, `vg0/thin`. */
export function placeOf({ type, options }: StorageConfig): string {
  const names = STORAGE_TYPES[type]?.options.filter((option) => option.fixed).map(({ name }) => name) ?? PLACES;
  const parts = names.map((name) => options[name] ?? "").filter(Boolean);
  return parts.join(names.includes("server") ? ":" : "/");
}

/** The name of the field for a kind of content; each type has its own, as each is usually for something else. */
const contentField = (type: string, kind: string) => `content.${type}.${kind}`;

export interface TypeField extends Option {
  /** Of a kind of content: that kind. */
  content?: string;
}

/** The fields of a storage that exists, or of a new one. */
export function storageFields(type: string, exists: boolean): TypeField[] {
  const { options = [], content = [] } = STORAGE_TYPES[type] ?? {};
  return [
    ...options.filter((option) => !(exists && option.fixed)),
    { name: "nodes", kind: "text" },
    ...content.map((kind): TypeField => ({ name: contentField(type, kind), kind: "checkbox", content: kind })),
  ];
}

export function storageValues(type: string, config: StorageConfig | null): Record<string, string> {
  const { usual = [] } = STORAGE_TYPES[type] ?? {};
  const holds = new Set(config ? config.content : usual);
  return Object.fromEntries(
    storageFields(type, config !== null).map(({ name, kind, content }) => {
      if (content !== undefined) return [name, holds.has(content) ? "1" : ""];
      if (name === "nodes") return [name, config?.nodes.join(", ") ?? ""];
      const text = config?.options[name] ?? "";
      return [name, kind === "checkbox" ? (text === "1" ? "1" : "") : text];
    }),
  );
}

/** The options as they are sent; what is not set is empty. */
function wanted(type: string, exists: boolean, values: Values): Record<string, string> {
  const fields = storageFields(type, exists);
  const texts = fields
    .filter(({ content }) => content === undefined)
    .map(({ name }) => [name, (values[name] ?? "").trim()]);
  const content = fields.flatMap((field) => (field.content && values[field.name] === "1" ? [field.content] : []));
  const { nodes = "", ...others } = Object.fromEntries(texts) as Record<string, string>;
  return {
    ...others,
    nodes: nodes
      .split(/[,;\s]+/)
      .filter(Boolean)
      .join(","),
    content: content.join(",") || "none",
  };
}

/** What to send for a new storage. */
export function newStorage(type: string, values: Values): StorageChange["set"] {
  return Object.fromEntries(Object.entries(wanted(type, false, values)).filter(([, text]) => text !== ""));
}

/** What to send so that a storage is as the fields say; options that have no field stay. */
export function storageChange(config: StorageConfig, values: Values): StorageChange {
  const before = wanted(config.type, true, storageValues(config.type, config));
  const after = wanted(config.type, true, values);
  const changed = Object.entries(after).filter(([name, text]) => text !== before[name]);
  return {
    set: Object.fromEntries(changed.filter(([, text]) => text !== "")),
    remove: changed.filter(([, text]) => text === "").map(([name]) => name),
  };
}
