/** High availability: what its manager and agents are at, the guests that they look after. */
import { client } from "./client";
import { Fields, rows } from "./wire";

/** What resets a node when its agent is lost; "none": nothing does. */
export interface Agent {
  node: string;
  /** In the server's words. */
  state: string;
  watchdog: string;
  maintenance: boolean;
}

export interface Service {
  /** `vm:100`. */
  sid: string;
  node: string;
  /** The manager's state, or what is in the way of it. */
  state: string;
  /** `started`, `stopped`, `disabled` or `ignored`; empty for one that is being taken out. */
  wish: string;
  /** Where it moves to. */
  target: string | null;
  /** Where starting it failed, in order. */
  failedNodes: readonly string[];
  /** Where it goes back to after maintenance. */
  homeNode: string | null;
  maxRestart: number;
  maxRelocate: number;
  failback: boolean;
  comment: string;
}

export type Armed = "standby" | "armed" | "disarming" | "disarmed";

export interface HaStatus {
  quorate: boolean;
  /** In the server's words; empty while there is none. */
  master: string;
  armed: Armed;
  fencing: string;
  agents: readonly Agent[];
  services: readonly Service[];
}

/** "a (idle, Mon …)" -> "idle, Mon …": the row has the node already. */
const withoutNode = (status: string) => /^\S+ \((.*)\)$/.exec(status)?.[1] ?? status;

export async function getHaStatus(): Promise<HaStatus> {
  const [current, stored, configured] = await Promise.all([
    client.call("GET /cluster/ha/status/current", {}),
    client.call("GET /cluster/ha/status/manager_status", {}),
    client.call("GET /cluster/ha/resources", {}),
  ]);
  return haStatusFromWire(current, stored, configured);
}

/** The rows of the status, what the manager has stored, the services as they are configured. */
export function haStatusFromWire(current: unknown, stored: unknown, configured: unknown): HaStatus {
  const wire = rows(current);
  const manager = new Fields(stored).sub("manager_status");
  const remembered = manager.sub("service_status");
  const configs = rows(configured);
  const one = (type: string) => wire.find((row) => row.text("type") === type) ?? new Fields({});
  const all = (type: string) => wire.filter((row) => row.text("type") === type);
  return {
    quorate: one("quorum").bool("quorate"),
    master: one("master").text("status"),
    armed: one("fencing").text("armed-state") as Armed,
    fencing: one("fencing").text("status"),
    agents: all("lrm").map((row) => ({
      node: row.text("node"),
      state: withoutNode(row.text("status")),
      watchdog: row.text("watchdog"),
      maintenance: manager.sub("node_request").sub(row.text("node")).bool("maintenance"),
    })),
    services: all("service").map((row) => {
      const sid = row.text("sid");
      const kept = remembered.sub(sid);
      return {
        sid,
        node: row.text("node"),
        state: row.text("state"),
        wish: row.text("request_state"),
        target: kept.textOrNull("target"),
        failedNodes: kept.list("failed_nodes"),
        homeNode: kept.textOrNull("maintenance_node"),
        maxRestart: row.has("max_restart") ? row.num("max_restart") : 1,
        maxRelocate: row.has("max_relocate") ? row.num("max_relocate") : 1,
        failback: !row.has("failback") || row.bool("failback"),
        comment: configs.find((config) => config.text("sid") === sid)?.text("comment") ?? "",
      };
    }),
  };
}

export async function armHa(): Promise<void> {
  await client.call("POST /cluster/ha/status/arm-ha", {});
}

/** `freeze`: services stay as they are; `ignore`: they may be moved and stopped by hand meanwhile. */
export async function disarmHa(mode: "freeze" | "ignore"): Promise<void> {
  await client.call("POST /cluster/ha/status/disarm-ha", { "resource-mode": mode });
}

export interface ServiceWish {
  state: string;
  maxRestart: number;
  maxRelocate: number;
  failback: boolean;
  comment: string;
}

const STATES = ["started", "stopped", "disabled", "ignored"] as const;

/** `before` is null for a guest that is none yet. */
export async function setService(sid: string, wish: ServiceWish, before: Service | null): Promise<void> {
  const { maxRestart, maxRelocate, failback, comment } = wish;
  const state = STATES.find((known) => known === wish.state) ?? "started";
  const params = { sid, state, max_restart: maxRestart, max_relocate: maxRelocate, failback };
  const told = comment ? { comment } : {};
  if (before === null) return void (await client.call("POST /cluster/ha/resources", { ...params, ...told }));
  const dropped = before.comment && !comment ? { delete: "comment" } : {};
  await client.call("PUT /cluster/ha/resources/{sid}", { ...params, ...told, ...dropped });
}

/** The guest stays as it is; rules forget it. */
export async function deleteService(sid: string): Promise<void> {
  await client.call("DELETE /cluster/ha/resources/{sid}", { sid });
}

export type MoveKind = "migrate" | "relocate";

export interface MoveAnswer {
  /** Services that come along. */
  along: readonly string[];
  /** Services there from which it must be apart: then nothing was ordered. */
  blocking: readonly string[];
}

/** Asks the manager to move a service, running (`migrate`) or stopped first (`relocate`). */
export async function moveService(how: MoveKind, sid: string, node: string): Promise<MoveAnswer> {
  const wire = new Fields(await client.call(`POST /cluster/ha/resources/{sid}/${how}`, { sid, node }));
  return {
    along: wire.list("comigrated-resources"),
    blocking: rows(wire.raw("blocking-resources")).map((row) => row.text("sid")),
  };
}

export type Severity = "error" | "warning" | "info";

/** What would keep high availability from working, and the next step. */
export interface Finding {
  severity: Severity;
  /** `cluster`, `node:NAME`, `rule:ID`, or a service's id. */
  subject: string;
  text: string;
  advice: string;
}

/** All, or with `sid` what concerns that service (also one that is none yet) and the nodes; the gravest first. */
export async function getFindings(sid: string): Promise<Finding[]> {
  return rows(await client.call("GET /cluster/ha/preflight", sid ? { sid } : {})).map((wire) => ({
    severity: wire.text("severity") as Severity,
    subject: wire.text("subject"),
    text: wire.text("text"),
    advice: wire.text("advice"),
  }));
}

/** A node that was lost, or a service that ended in error. */
export interface Incident {
  id: string;
  title: string;
  /** `recovering` while services are not started again, `open` until the node is back, then `closed`. */
  state: string;
  begunS: number;
  /** The node, or the service. */
  subject: string;
}

export interface IncidentAccount extends Incident {
  /** The sign that came first. */
  first: string;
  summary: readonly string[];
  timeline: readonly string[];
}

const incident = (wire: Fields): Incident => ({
  id: wire.text("incident"),
  title: wire.text("title"),
  state: wire.text("state"),
  begunS: wire.num("begun"),
  subject: wire.text("subject"),
});

const lines = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);

/** Newest first. */
export async function getIncidents(): Promise<Incident[]> {
  return rows(await client.call("GET /cluster/ha/incidents", {})).map(incident);
}

export async function getIncident(id: string): Promise<IncidentAccount> {
  const wire = new Fields(await client.call("GET /cluster/ha/incidents/{incident}", { incident: id }));
  return {
    ...incident(wire),
    first: wire.text("first"),
    summary: lines(wire.raw("summary")),
    timeline: lines(wire.raw("timeline")),
  };
}
