/**
 * What the server tells by itself (`GET /events`, server-sent events): the only file that opens an `EventSource`.
 *
 * It tells what happens from its beginning on, so lists are read after it has begun, and again after each interruption.
 */
import { type Task, taskFromWire } from "./tasks";
import { Fields } from "./wire";

export type LiveEvent =
  | { kind: "task"; task: Task }
  | { kind: "guest"; vmid: number; node: string; change: "config" | "removed" }
  | { kind: "guest"; vmid: number; node: string; change: "status"; running: boolean }
  | { kind: "node"; node: string; change: "config" }
  | { kind: "node"; node: string; change: "status"; online: boolean }
  | { kind: "storage" | "access" | "cluster" };

const KINDS = ["task", "guest", "node", "storage", "access", "cluster"] as const;
type Kind = (typeof KINDS)[number];

const ADDRESS = "/api2/json/events";
/** A browser tries by itself after a broken connection, but never after a refusal. */
const AFTER_REFUSAL_MS = 5000;

/** null where it tells nothing that a view shows. */
export function eventFromWire(kind: Kind, wire: Fields): LiveEvent | null {
  const [node, change] = [wire.text("node"), wire.text("change")];
  switch (kind) {
    case "task":
      return { kind, task: taskFromWire(wire) };
    case "guest": {
      const guest = { kind, vmid: wire.num("vmid"), node };
      if (change === "status") return { ...guest, change, running: wire.text("status") === "running" };
      return { ...guest, change: change === "removed" ? "removed" : "config" };
    }
    case "node": {
      const name = node || (/^nodes\/([^/]+)\//.exec(wire.text("file"))?.[1] ?? "");
      if (name === "") return null;
      if (change === "status") return { kind, node: name, change, online: wire.text("status") === "online" };
      return { kind, node: name, change: "config" };
    }
    default:
      return { kind };
  }
}

export interface Listener {
  /** Whether news arrive. */
  onLive(live: boolean): void;
  onEvent(event: LiveEvent): void;
}

/** Listen until the returned function is called; connects again by itself. */
export function listen({ onLive, onEvent }: Listener): () => void {
  let source: EventSource | null = null;
  let timer: number | undefined;
  const open = () => {
    source = new EventSource(ADDRESS);
    source.onopen = () => onLive(true);
    source.onerror = () => {
      onLive(false);
      if (source?.readyState === EventSource.CLOSED) timer = window.setTimeout(open, AFTER_REFUSAL_MS);
    };
    for (const kind of KINDS) {
      source.addEventListener(kind, ({ data }: MessageEvent<string>) => {
        const event = eventFromWire(kind, new Fields(JSON.parse(data)));
        if (event) onEvent(event);
      });
    }
  };
  open();
  return () => {
    window.clearTimeout(timer);
    source?.close();
  };
}
