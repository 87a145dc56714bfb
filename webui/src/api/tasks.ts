import { client } from "./client";
import type { Num } from "./schema";
import { parseUpid } from "./upid";
import { num, numOrNull } from "./wire";

export type TaskState = "running" | "ok" | "warnings" | "error";

export interface Task {
  upid: string;
  node: string;
  type: string;
  /** What the task is about: a guest id, a storage id, or nothing. */
  id: string;
  user: string;
  startS: number;
  /** null while running, and where the server does not say. */
  endS: number | null;
  state: TaskState;
  /** The server's end word: `OK`, `WARNINGS: 2`, or the error text. */
  status: string;
}

export interface LogLine {
  n: number;
  text: string;
}

interface WireTask {
  upid: string;
  endtime?: Num;
  status?: string;
}

/** End word of a task -> state. A running task has none, or says RUNNING. */
export function taskState(status: string | undefined): TaskState {
  if (status === undefined || status === "" || status.toUpperCase() === "RUNNING") return "running";
  if (status === "OK") return "ok";
  return status.startsWith("WARNINGS") ? "warnings" : "error";
}

/** All but the end is in the UPID, so the two list methods need no separate readers. */
export function taskFromWire(wire: WireTask): Task {
  const upid = parseUpid(wire.upid);
  const endS = numOrNull(wire.endtime);
  const state = endS === null ? taskState(wire.status) : taskState(wire.status ?? "unexpected status");
  return {
    upid: wire.upid,
    node: upid?.node ?? "",
    type: upid?.type ?? "",
    id: upid?.id ?? "",
    user: upid?.user ?? "",
    startS: upid?.startS ?? 0,
    endS: state === "running" ? null : endS,
    state,
    status: state === "running" ? "" : (wire.status ?? "unexpected status"),
  };
}

export interface TaskPage {
  tasks: Task[];
  total: number;
}

export interface TaskQuery {
  start: number;
  limit: number;
  vmid?: number;
}

export async function getNodeTasks(node: string, query: TaskQuery): Promise<TaskPage> {
  const { data, total } = await client.callPage("GET /nodes/{node}/tasks", { node, source: "all", ...query });
  return { tasks: data.map((entry) => taskFromWire(entry)), total: total ?? data.length };
}

/** One task by its id; works for tasks that the recent list no longer holds. */
export async function getTask(upid: string): Promise<Task> {
  const wire = await client.call("GET /nodes/{node}/tasks/{upid}/status", { node: nodeOf(upid), upid });
  return taskFromWire({ upid, status: wire.status === "running" ? "RUNNING" : wire.exitstatus || "unexpected status" });
}

const LOG_PAGE = 1000;

/** The lines after line number `known`. An empty log is sent as one line "no content", which is dropped. */
export async function getTaskLog(upid: string, known: number): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  for (;;) {
    const start = known + lines.length;
    const { data, total } = await client.callPage("GET /nodes/{node}/tasks/{upid}/log", {
      node: nodeOf(upid),
      upid,
      start,
      limit: LOG_PAGE,
    });
    const fresh = data.map((line) => ({ n: num(line.n as Num), text: String(line.t) })).filter(({ n }) => n > start);
    if (start === 0 && fresh.length === 1 && fresh[0]?.text === "no content") return [];
    lines.push(...fresh);
    if (fresh.length === 0 || known + lines.length >= (total ?? 0)) return lines;
  }
}

export async function stopTask(upid: string): Promise<void> {
  await client.call("DELETE /nodes/{node}/tasks/{upid}", { node: nodeOf(upid), upid });
}

function nodeOf(upid: string): string {
  return parseUpid(upid)?.node ?? "localhost";
}
