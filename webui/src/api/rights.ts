/** What the user of this session may do. */
import { client } from "./client";
import { Fields } from "./wire";

/** The privileges at a path of the access list, those that come from above it included. */
export async function getRights(path: string): Promise<ReadonlySet<string>> {
  const answer = new Fields(await client.call("GET /access/permissions", { path }));
  return new Set(
    answer
      .sub(path)
      .entries()
      .map(([privilege]) => privilege),
  );
}
