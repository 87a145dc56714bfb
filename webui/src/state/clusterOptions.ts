/** The cluster's options as forms. Pure. */
import type { OptionChange, Options } from "../api/options";
import { limits } from "../api/limits";

export type Values = Readonly<Record<string, string>>;

interface Row {
  /** `ha.shutdown_policy`: a key of a property string; `keyboard`: an option that is one value. */
  name: string;
  kind: "text" | "area" | "number" | "select" | "checkbox";
  /** The words of a key of a property string; those of other options the API tells. */
  choices?: readonly string[];
  /** What holds without it. */
  usual?: string;
  /** It is kept and told to who asks, but the nodes do not follow it yet. */
  keptOnly?: true;
}

export interface OptionField extends Row {
  choices: readonly string[];
}

export type OptionGroup = (typeof GROUPS)[number];

/** `others`: options that programs besides this one use. */
export const GROUPS = ["moves", "ha", "guests", "outside", "others"] as const;

const keptOnly = true;

const ROWS: Readonly<Record<OptionGroup, readonly Row[]>> = {
  moves: [
    { name: "migration.type", kind: "select", choices: ["secure", "insecure"], usual: "secure" },
    { name: "migration.network", kind: "text" },
    { name: "bwlimit", kind: "text" },
  ],
  ha: [
    {
      name: "ha.shutdown_policy",
      kind: "select",
      choices: ["freeze", "failover", "conditional", "migrate"],
      usual: "conditional",
    },
    { name: "fencing", kind: "select" },
    { name: "crs.ha", kind: "select", choices: ["basic", "static", "dynamic"], usual: "basic" },
    { name: "crs.ha-rebalance-on-start", kind: "checkbox" },
    { name: "crs.ha-auto-rebalance", kind: "checkbox" },
    { name: "crs.ha-auto-rebalance-method", kind: "select", choices: ["bruteforce", "topsis"], usual: "bruteforce" },
    { name: "crs.ha-auto-rebalance-threshold", kind: "number", usual: "30" },
    { name: "crs.ha-auto-rebalance-margin", kind: "number", usual: "10" },
    { name: "crs.ha-auto-rebalance-hold-duration", kind: "number", usual: "3" },
  ],
  guests: [
    { name: "next-id.lower", kind: "number", usual: "100" },
    { name: "next-id.upper", kind: "number", usual: "1000000" },
    { name: "mac_prefix", kind: "text", usual: "BC:24:11" },
    { name: "registered-tags", kind: "text" },
    {
      name: "user-tag-access.user-allow",
      kind: "select",
      choices: ["none", "list", "existing", "free"],
      usual: "free",
    },
    { name: "user-tag-access.user-allow-list", kind: "text" },
  ],
  outside: [
    { name: "http_proxy", kind: "text" },
    { name: "webauthn.rp", kind: "text" },
    { name: "webauthn.id", kind: "text" },
    { name: "webauthn.origin", kind: "text" },
  ],
  others: [
    { name: "description", kind: "area" },
    { name: "console", kind: "select", keptOnly },
    { name: "keyboard", kind: "select", keptOnly },
    { name: "language", kind: "select", keptOnly },
    { name: "max_workers", kind: "number", keptOnly },
    { name: "email_from", kind: "text", keptOnly },
    { name: "replication", kind: "text", keptOnly },
    { name: "notify", kind: "text", keptOnly },
    { name: "tag-style", kind: "text", keptOnly },
    { name: "location", kind: "text", keptOnly },
    { name: "consent-text", kind: "area", keptOnly },
  ],
};

const API = limits["PUT /cluster/options"] ?? {};

export function optionFields(group: OptionGroup): OptionField[] {
  return ROWS[group].map((row) => {
    const { enum: words = [], default: usual } = API[row.name] ?? {};
    return {
      ...row,
      choices: row.choices ?? words,
      ...(row.usual === undefined && usual !== undefined && { usual: String(usual) }),
    };
  });
}

/** Of a property string's key: the option and the key; of another option: itself and null. */
export function partsOf(name: string): [option: string, key: string | null] {
  const at = name.indexOf(".");
  return at < 0 ? [name, null] : [name.slice(0, at), name.slice(at + 1)];
}

const asObject = (value: unknown): Readonly<Record<string, unknown>> =>
  value !== null && typeof value === "object" && !Array.isArray(value) ? (value as Record<string, unknown>) : {};

/** As it is typed into a field, and sent. */
function asText(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value)) return value.map(String).join(";");
  if (typeof value === "object") return propertyString(asObject(value));
  return typeof value === "boolean" ? (value ? "1" : "0") : String(value);
}

function propertyString(object: Readonly<Record<string, unknown>>): string {
  return Object.entries(object)
    .filter(([, value]) => value !== "" && value !== undefined)
    .map(([key, value]) => `${key}=${asText(value)}`)
    .join(",");
}

/** What the fields of a group hold; "" where an option is not set. */
export function optionValues(group: OptionGroup, options: Options): Record<string, string> {
  return Object.fromEntries(
    optionFields(group).map(({ name, kind }) => {
      const [option, key] = partsOf(name);
      const text = asText(key === null ? options[option] : asObject(options[option])[key]);
      return [name, kind === "checkbox" ? (text === "1" ? "1" : "") : text.replace(/\n$/, "")];
    }),
  );
}

/** What to send so that the options are as the fields say. Keys of property strings that have no field stay. */
export function optionChange(group: OptionGroup, options: Options, after: Values): OptionChange {
  const before = optionValues(group, options);
  const set: Record<string, string> = {};
  const remove: string[] = [];
  const changed = Object.keys(before).filter((name) => (after[name] ?? "").trim() !== before[name]);
  for (const option of new Set(changed.map((name) => partsOf(name)[0]))) {
    const names = Object.keys(before).filter((name) => name.startsWith(`${option}.`));
    const keys = names.map((name) => [partsOf(name)[1], (after[name] ?? "").trim()]);
    const text =
      names.length === 0
        ? (after[option] ?? "").trim()
        : propertyString({ ...asObject(options[option]), ...Object.fromEntries(keys) });
    if (text === "") remove.push(option);
    else set[option] = text;
  }
  return { set, remove };
}
