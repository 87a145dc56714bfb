/** The kinds of realms as forms: which of their options people set here. Pure. */
import type { RealmChange } from "../api/realms";

export type Values = Readonly<Record<string, string>>;

export interface RealmOption {
  name: string;
  kind: "text" | "checkbox" | "number" | "password" | "choice";
  required?: boolean;
  /** What a ticked box stands for, if not for "1". */
  ticked?: string;
}

const text = (name: string): RealmOption => ({ name, kind: "text" });
const needed = (name: string): RealmOption => ({ name, kind: "text", required: true });
const flag = (name: string): RealmOption => ({ name, kind: "checkbox" });

const SERVERS: readonly RealmOption[] = [
  needed("server1"),
  text("server2"),
  { name: "mode", kind: "choice" },
  { name: "port", kind: "number" },
];
const BINDING: readonly RealmOption[] = [text("bind_dn"), { name: "password", kind: "password" }, flag("verify")];
/** Of an authenticator app or any other kind: the server asks only whether the user has one. */
const SECOND_FACTOR: RealmOption = { name: "tfa", kind: "checkbox", ticked: "type=oath" };
/** Every realm has these. */
const SHOWN: readonly RealmOption[] = [text("comment"), flag("default")];

interface RealmType {
  options: readonly RealmOption[];
  /** There is one of it on every host, which stays. */
  builtIn: boolean;
}

export const REALM_TYPES: Readonly<Record<string, RealmType>> = {
  pam: { options: [SECOND_FACTOR, ...SHOWN], builtIn: true },
  pve: { options: [SECOND_FACTOR, ...SHOWN], builtIn: true },
  ldap: {
    options: [needed("base_dn"), needed("user_attr"), ...SERVERS, ...BINDING, SECOND_FACTOR, ...SHOWN],
    builtIn: false,
  },
  ad: { options: [needed("domain"), ...SERVERS, ...BINDING, SECOND_FACTOR, ...SHOWN], builtIn: false },
  openid: {
    options: [
      needed("issuer-url"),
      needed("client-id"),
      { name: "client-key", kind: "password" },
      text("scopes"),
      flag("autocreate"),
      ...SHOWN,
    ],
    builtIn: false,
  },
};

/** What a form begins with; of a secret nothing is known. */
export function realmValues(type: string, options: Values): Record<string, string> {
  const rows = REALM_TYPES[type]?.options ?? [];
  return Object.fromEntries(
    rows.map(({ name, kind }) => {
      const value = kind === "password" ? "" : (options[name] ?? "");
      return [name, kind === "checkbox" && value !== "" ? (value === "0" ? "" : "1") : value];
    }),
  );
}

/** What to send so that a realm is as the fields say; options without a field, and secrets left empty, stay. */
export function realmChange(type: string, options: Values, values: Values): RealmChange {
  const before = realmValues(type, options);
  const set: Record<string, string> = {};
  const remove: string[] = [];
  for (const { name, kind, ticked } of REALM_TYPES[type]?.options ?? []) {
    // A secret is what was typed, spaces too.
    const value = kind === "password" ? (values[name] ?? "") : (values[name] ?? "").trim();
    if (value === (before[name] ?? "")) continue;
    if (value === "") remove.push(name);
    else set[name] = ticked ?? value;
  }
  return { set, remove };
}
