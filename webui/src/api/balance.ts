/** Moves that even out the nodes' loads, and why each was made. */
import { client } from "./client";
import { Fields, rows } from "./wire";

/** Fractions of what the node has. */
export interface NodeLoad {
  node: string;
  cpu: number;
  memory: number;
}

export interface BalanceMove {
  sid: string;
  source: string;
  target: string;
  why: string;
  /** `decided`, `running`, `ok` or `failed`; empty for a service, which the HA manager moved. */
  state: string;
  /** Unix seconds. */
  atS: number;
}

/** What would be moved now; `target` empty: nothing, and `why` says why not. */
export interface Proposal {
  about: "guests" | "services";
  sid: string;
  source: string;
  target: string;
  why: string;
}

export interface Balance {
  /** Machines that nobody looks after take part, if they are among `guests`. */
  enabled: boolean;
  guests: readonly string[];
  /** Services take part, by the cluster's option crs. */
  services: boolean;
  digest: string;
  loads: readonly NodeLoad[];
  /** Newest first. */
  moves: readonly BalanceMove[];
  /** Empty unless it was asked for. */
  proposals: readonly Proposal[];
}

export async function getBalance(withProposals: boolean): Promise<Balance> {
  const answer = await client.call("GET /cluster/ha/balance", withProposals ? { "dry-run": true } : {});
  return balanceFromWire(new Fields(answer), Date.now() / 1000);
}

/** Services' moves carry their age, as no two clocks are compared there. */
export function balanceFromWire(wire: Fields, nowS: number): Balance {
  return {
    enabled: wire.bool("enable"),
    guests: wire.list("guests"),
    services: wire.bool("services"),
    digest: wire.text("digest"),
    loads: rows(wire.raw("nodes")).map((row) => ({
      node: row.text("node"),
      cpu: row.num("cpu"),
      memory: row.num("mem"),
    })),
    moves: rows(wire.raw("moves"))
      .map((row) => ({
        sid: row.text("sid"),
        source: row.text("source"),
        target: row.text("target"),
        why: row.text("why"),
        state: row.text("state"),
        atS: row.numOrNull("decided") ?? nowS - row.num("ago"),
      }))
      .sort((a, b) => b.atS - a.atS),
    proposals: rows(wire.raw("proposals")).map((row) => ({
      about: row.text("about") === "services" ? "services" : "guests",
      sid: row.text("sid"),
      source: row.text("source"),
      target: row.text("target"),
      why: row.text("why"),
    })),
  };
}

/** `guests`: ids of the machines that take part. */
export async function setBalance(enable: boolean, guests: string, digest: string): Promise<void> {
  await client.call("PUT /cluster/ha/balance", { enable, guests, digest });
}
