/** The cluster's options: property strings arrive as objects, lists as arrays, and are sent as text. */
import { client, type Params } from "./client";

export type Options = Readonly<Record<string, unknown>>;

export interface OptionChange {
  set: Readonly<Record<string, string>>;
  remove: readonly string[];
}

export async function getOptions(): Promise<Options> {
  return (await client.call("GET /cluster/options", {})) as Options;
}

export async function setOptions({ set, remove }: OptionChange): Promise<void> {
  // The options are named by the form; the server checks each.
  const params = { ...set, ...(remove.length > 0 && { delete: remove.join(",") }) } as Params<"PUT /cluster/options">;
  await client.call("PUT /cluster/options", params);
}
