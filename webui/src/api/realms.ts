/** Realms: where users come from. The list that anybody may read is in `access.ts`. */
import { client, type Params } from "./client";
import { Fields } from "./wire";

export interface RealmConfig {
  /** Every option as text, without secrets: the server does not tell these. */
  options: Readonly<Record<string, string>>;
  /** Of the file with all realms: a change names what it was made from. */
  digest: string;
}

export interface RealmChange {
  set: Readonly<Record<string, string>>;
  remove: readonly string[];
}

const asText = (value: unknown) => (typeof value === "boolean" ? (value ? "1" : "0") : String(value));

export async function getRealmConfig(realm: string): Promise<RealmConfig> {
  const {
    type: _type,
    digest,
    ...options
  } = Object.fromEntries(
    new Fields(await client.call("GET /access/domains/{realm}", { realm }))
      .entries()
      .filter(([, value]) => value !== null && typeof value !== "object")
      .map(([key, value]) => [key, asText(value)]),
  );
  return { options, digest: digest ?? "" };
}

export async function addRealm(realm: string, type: string, set: RealmChange["set"]): Promise<void> {
  // Which options there are depends on the type; the server checks each.
  await client.call("POST /access/domains", { realm, type, ...set } as unknown as Params<"POST /access/domains">);
}

export async function changeRealm(realm: string, digest: string, { set, remove }: RealmChange): Promise<void> {
  const params = { realm, ...set, ...(remove.length > 0 && { delete: remove.join(",") }), ...(digest && { digest }) };
  await client.call("PUT /access/domains/{realm}", params as Params<"PUT /access/domains/{realm}">);
}

export async function removeRealm(realm: string): Promise<void> {
  await client.call("DELETE /access/domains/{realm}", { realm });
}
