/** Which hosts form the cluster, how well they hear each other, who may join. */
import { client } from "./client";
import { Fields, rows } from "./wire";

/** A link to another node, as the asked node feels it. */
export interface Link {
  number: number;
  connected: boolean;
  /** Seconds there and back; null where nothing was heard yet. */
  roundTripS: number | null;
  /** Share of pings of the last minute, 0 to 1; null where there were too few. */
  loss: number | null;
  /** How often it went down since Corosync started. */
  downs: number;
}

export interface Member {
  name: string;
  online: boolean;
  /** The node that was asked. */
  local: boolean;
  address: string;
  links: readonly Link[];
  /** Its clock minus the asked node's, in seconds; null where it is not known. */
  clockOffsetS: number | null;
}

/** The witness's vote as the asked node's votequorum knows it. */
export interface WitnessVote {
  /** Its daemon runs on the asked node. */
  registered: boolean;
  /** And gives its votes to that node's side. */
  casts: boolean;
}

export interface Votes {
  present: number;
  needed: number;
  expected: number;
  /** Votes that may still go before the quorum does. */
  margin: number;
  witness: WitnessVote | null;
}

export interface Cluster {
  name: string;
  quorate: boolean;
  /** Version of its configuration. */
  version: number;
  /** null where the asked node cannot tell. */
  votes: Votes | null;
}

/** `cluster` null: the host belongs to none, and is the only member of `members`. */
export interface Membership {
  cluster: Cluster | null;
  members: readonly Member[];
}

const link = (wire: Fields): Link => ({
  number: wire.num("link"),
  connected: wire.bool("connected"),
  roundTripS: wire.numOrNull("round_trip"),
  loss: wire.numOrNull("loss"),
  downs: wire.num("downs"),
});

function votes(health: Fields): Votes {
  const witness = health.sub("qdevice");
  return {
    present: health.num("votes"),
    needed: health.num("votes_needed"),
    expected: health.num("votes_expected"),
    margin: health.num("margin"),
    witness: health.has("qdevice") ? { registered: witness.bool("registered"), casts: witness.bool("casts") } : null,
  };
}

export async function getMembership(): Promise<Membership> {
  return membershipFromWire(rows(await client.call("GET /cluster/status", {})));
}

export function membershipFromWire(wire: readonly Fields[]): Membership {
  const cluster = wire.find((row) => row.text("type") === "cluster");
  const members = wire.filter((row) => row.text("type") === "node");
  return {
    cluster: cluster
      ? {
          name: cluster.text("name"),
          quorate: cluster.bool("quorate"),
          version: cluster.num("version"),
          votes: cluster.has("health") ? votes(cluster.sub("health")) : null,
        }
      : null,
    members: members.map((row) => ({
      name: row.text("name"),
      online: row.bool("online"),
      local: row.bool("local"),
      address: row.text("ip"),
      links: rows(row.sub("health").raw("links")).map(link),
      clockOffsetS: row.sub("health").numOrNull("clock_offset"),
    })),
  };
}

/** What the cluster's configuration says of a node. */
export interface NodeConfig {
  name: string;
  number: number;
  votes: number;
  /** By link. */
  addresses: readonly string[];
}

const LINK_ADDRESS = /^ring\d+_addr$/;

export async function getNodeConfigs(): Promise<NodeConfig[]> {
  return rows(await client.call("GET /cluster/config/nodes", {})).map((wire) => ({
    name: wire.text("node"),
    number: wire.num("nodeid"),
    votes: wire.has("quorum_votes") ? wire.num("quorum_votes") : 1,
    addresses: wire
      .entries()
      .filter(([key]) => LINK_ADDRESS.test(key))
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([, value]) => String(value)),
  }));
}

export interface Witness {
  host: string;
  /** `Connected`, or what is wrong. */
  state: string;
}

/** What the asked node's corosync-qdevice says; null where it does not run, or the cluster has no witness. */
export async function getWitness(): Promise<Witness | null> {
  const wire = new Fields(await client.call("GET /cluster/config/qdevice", {}));
  return wire.entries().length > 0 ? { host: wire.text("QNetd host"), state: wire.text("State") } : null;
}

/** The task that begins a cluster. `address` empty: the host's first one. */
export function createCluster(name: string, address: string): Promise<string> {
  return client.call("POST /cluster/config", { clustername: name, ...(address && { link0: address }) });
}

/** The task that joins this host to the cluster that a token is of. */
export function joinCluster(token: string, address: string): Promise<string> {
  return client.call("PUT /cluster/config/join", { token, ...(address && { link0: address }) });
}

/** Only one that is off for good; its folder in the configuration stays. */
export async function removeNode(node: string): Promise<void> {
  await client.call("DELETE /cluster/config/nodes/{node}", { node });
}

/** A token that lets one host join, without its secret. */
export interface JoinToken {
  id: string;
  expiresS: number;
  by: string;
  /** Who used it; null while nobody has. */
  node: string | null;
}

export async function getJoinTokens(): Promise<JoinToken[]> {
  return rows(await client.call("GET /cluster/config/jointoken", {})).map((wire) => ({
    id: wire.text("id"),
    expiresS: wire.num("expires"),
    by: wire.text("by"),
    node: wire.textOrNull("node"),
  }));
}

export interface NewJoinToken {
  word: string;
  expiresS: number;
}

/** The server tells the word this once. */
export async function createJoinToken(lifetimeS: number): Promise<NewJoinToken> {
  const wire = new Fields(await client.call("POST /cluster/config/jointoken", { expires: lifetimeS }));
  return { word: wire.text("token"), expiresS: wire.num("expires") };
}

export async function deleteJoinToken(id: string): Promise<void> {
  await client.call("DELETE /cluster/config/jointoken/{id}", { id });
}
