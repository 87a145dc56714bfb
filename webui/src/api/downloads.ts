/** Files that a node fetches by itself: from the web, and templates of containers from servers that offer them. */
import { client, type Params } from "./client";
import type { Uploadable } from "./storage";
import { rows } from "./wire";

export interface Download {
  node: string;
  storage: string;
  url: string;
  content: Uploadable;
  filename: string;
  /** Only together. */
  checksum: string;
  algorithm: string;
  /** How it is packed, for media alone. */
  compression: string;
  /** The server must show a certificate that the node trusts. */
  verify: boolean;
}

/** Returns the id of the task. */
export function downloadFile(wanted: Download): Promise<string> {
  const { node, storage, url, content, filename, checksum, algorithm, compression, verify } = wanted;
  const params = {
    node,
    storage,
    url,
    content,
    filename,
    ...(checksum && { checksum, "checksum-algorithm": algorithm }),
    ...(compression && { compression }),
    ...(!verify && { "verify-certificates": false }),
  };
  return client.call(
    "POST /nodes/{node}/storage/{storage}/download-url",
    params as Params<"POST /nodes/{node}/storage/{storage}/download-url">,
  );
}

export interface Template {
  /** The name of its file. */
  template: string;
  section: string;
  version: string;
  headline: string;
}

/** What the lists offer that the node fetched last. */
export async function getTemplates(node: string): Promise<Template[]> {
  return rows(await client.call("GET /nodes/{node}/aplinfo", { node })).map((wire) => ({
    template: wire.text("template"),
    section: wire.text("section"),
    version: wire.text("version"),
    headline: wire.text("headline"),
  }));
}

/** Returns the id of the task. */
export function downloadTemplate(node: string, storage: string, template: string): Promise<string> {
  return client.call("POST /nodes/{node}/aplinfo", { node, storage, template });
}
