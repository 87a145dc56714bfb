/** What was recorded of nodes, guests and storages, each minute and thinned out over time. */
import { client } from "./client";
import type { GuestRef } from "./guests";
import { rows } from "./wire";

export const FRAMES = ["hour", "day", "week", "month", "year"] as const;
export type Frame = (typeof FRAMES)[number];

export type HistoryOf =
  | { kind: "node"; node: string }
  | { kind: "storage"; node: string; storage: string }
  | ({ kind: "guest" } & { guest: GuestRef });

/** Values by name, one for each moment (unix seconds, rising); null where nothing was recorded. */
export interface History {
  times: number[];
  values: Readonly<Record<string, (number | null)[]>>;
}

export function historyFromWire(answer: unknown): History {
  const wire = rows(answer).filter((row) => row.num("time") > 0);
  const names = new Set(wire.flatMap((row) => row.entries().map(([name]) => name)));
  names.delete("time");
  const column = (name: string) => wire.map((row) => row.numOrNull(name));
  return {
    times: wire.map((row) => row.num("time")),
    values: Object.fromEntries([...names].map((name) => [name, column(name)])),
  };
}

export async function getHistory(of: HistoryOf, timeframe: Frame): Promise<History> {
  return historyFromWire(await ask(of, timeframe));
}

function ask(of: HistoryOf, timeframe: Frame): Promise<unknown> {
  switch (of.kind) {
    case "node":
      return client.call("GET /nodes/{node}/rrddata", { node: of.node, timeframe });
    case "storage": {
      const { node, storage } = of;
      return client.call("GET /nodes/{node}/storage/{storage}/rrddata", { node, storage, timeframe });
    }
    case "guest": {
      const { kind, node, vmid } = of.guest;
      return client.call(`GET /nodes/{node}/${kind}/{vmid}/rrddata`, { node, vmid, timeframe });
    }
  }
}
