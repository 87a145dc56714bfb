/** The host below a node: services, clock, names, certificates, journal, packages, network. */
import { client } from "./client";
import { Fields, list, rows } from "./wire";

export interface Service {
  id: string;
  unit: string;
  description: string;
  active: string;
  state: string;
  installed: boolean;
}

export async function getServices(node: string): Promise<Service[]> {
  return rows(await client.call("GET /nodes/{node}/services", { node })).map((wire) => ({
    id: wire.text("service"),
    unit: wire.text("name"),
    description: wire.text("desc"),
    active: wire.text("active-state"),
    state: wire.text("state"),
    installed: wire.text("unit-state") !== "not-found",
  }));
}

export type ServiceAction = "start" | "stop" | "restart";

/** Returns the id of the task. */
export function changeService(node: string, service: string, action: ServiceAction): Promise<string> {
  type Params = { node: string; service: never };
  return client.call(`POST /nodes/{node}/services/{service}/${action}`, { node, service } as Params);
}

export interface Clock {
  timeS: number;
  /** As the node's own clock shows it: seconds shifted by its zone's offset. */
  localS: number;
  zone: string;
}

export async function getClock(node: string): Promise<Clock> {
  const wire = new Fields(await client.call("GET /nodes/{node}/time", { node }));
  return { timeS: wire.num("time"), localS: wire.num("localtime"), zone: wire.text("timezone") };
}

export async function setZone(node: string, timezone: string): Promise<void> {
  await client.call("PUT /nodes/{node}/time", { node, timezone });
}

export interface Resolver {
  search: string;
  servers: string[];
}

const SERVERS = ["dns1", "dns2", "dns3"] as const;

export async function getResolver(node: string): Promise<Resolver> {
  const wire = new Fields(await client.call("GET /nodes/{node}/dns", { node }));
  return { search: wire.text("search"), servers: SERVERS.map(wire.text).filter(Boolean) };
}

/** Servers by the names of the parameters, so that errors find their fields; empty ones are left out. */
export async function setResolver(node: string, search: string, servers: Readonly<Record<string, string>>) {
  const given = SERVERS.filter((name) => servers[name]).map((name) => [name, servers[name]]);
  await client.call("PUT /nodes/{node}/dns", { node, search, ...(Object.fromEntries(given) as object) });
}

export interface HostsFile {
  text: string;
  digest: string;
}

export async function getHosts(node: string): Promise<HostsFile> {
  const wire = new Fields(await client.call("GET /nodes/{node}/hosts", { node }));
  return { text: wire.text("data"), digest: wire.text("digest") };
}

/** Refused if the file has changed since it was read. */
export async function setHosts(node: string, { text, digest }: HostsFile): Promise<void> {
  await client.call("POST /nodes/{node}/hosts", { node, data: text, digest });
}

export interface Certificate {
  file: string;
  subject: string;
  issuer: string;
  names: string[];
  untilS: number;
  fingerprint: string;
}

export async function getCertificates(node: string): Promise<Certificate[]> {
  return rows(await client.call("GET /nodes/{node}/certificates/info", { node })).map((wire) => ({
    file: wire.text("filename"),
    subject: wire.text("subject"),
    issuer: wire.text("issuer"),
    names: wire.list("san"),
    untilS: wire.num("notafter"),
    fingerprint: wire.text("fingerprint"),
  }));
}

export interface JournalQuery {
  /** Only of this unit; empty for all. */
  unit: string;
  /** Only what is at least so grave, 0 (panic) to 7 (debug); empty for all. */
  priority: string;
}

/** Lines, oldest first, and where to read on. */
export interface JournalPart {
  lines: string[];
  cursor: string;
}

/** The newest entries, or those after a cursor. The answer begins and ends with a cursor; none: there is nothing. */
export async function getJournal(
  node: string,
  { unit, priority }: JournalQuery,
  from: { last: number } | { after: string },
): Promise<JournalPart> {
  const answer = await client.call("GET /nodes/{node}/journal", {
    node,
    ...("last" in from ? { lastentries: from.last } : { startcursor: from.after }),
    ...(unit && { unit }),
    ...(priority && { priority }),
  });
  const told = list(answer);
  return { lines: told.slice(1, -1), cursor: told.at(-1) ?? ("after" in from ? from.after : "") };
}

export interface Update {
  name: string;
  title: string;
  from: string;
  to: string;
  origin: string;
}

export async function getUpdates(node: string): Promise<Update[]> {
  return rows(await client.call("GET /nodes/{node}/apt/update", { node })).map((wire) => ({
    name: wire.text("Package"),
    title: wire.text("Title"),
    from: wire.text("OldVersion"),
    to: wire.text("Version"),
    origin: wire.text("Origin"),
  }));
}

/** Ask the repositories; returns the id of the task. */
export const refreshUpdates = (node: string): Promise<string> => client.call("POST /nodes/{node}/apt/update", { node });

export interface Interface {
  name: string;
  type: string;
  active: boolean;
  autostart: boolean;
  /** With prefix lengths. */
  addresses: string[];
  gateways: string[];
  /** What it consists of or stands on. */
  parts: string[];
  comment: string;
}

export interface Network {
  interfaces: Interface[];
  /** What waits to be applied, as a difference; empty where nothing does. */
  changes: string;
}

export function interfaceFromWire(wire: Fields): Interface {
  const both = (name: string) => [wire.text(name), wire.text(`${name}6`)].filter(Boolean);
  return {
    name: wire.text("iface"),
    type: wire.text("type"),
    active: wire.bool("active"),
    autostart: wire.bool("autostart"),
    addresses: both("cidr"),
    gateways: both("gateway"),
    parts: ["bridge_ports", "slaves", "vlan-raw-device", "ovs_ports", "ovs_bonds"].flatMap(wire.list),
    comment: both("comments").join(" ").trim(),
  };
}

export async function getNetwork(node: string): Promise<Network> {
  const { data, changes = "" } = await client.callPage("GET /nodes/{node}/network", { node });
  return { interfaces: rows(data).map(interfaceFromWire), changes };
}
