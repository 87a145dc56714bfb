import { client } from "./client";
import { parseUpid } from "./upid";
import { Fields, rows } from "./wire";

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

/** What the server says of a task that ended without a word. */
const UNEXPECTED = "unexpected status";

/** End word of a task -> state. A running task has none, or says RUNNING. */
export function taskState(status: string): TaskState {
  if (status === "" || status.toUpperCase() === "RUNNING") return "running";
  if (status === "OK") return "ok";
  return status.startsWith("WARNINGS") ? "warnings" : "error";
}

/** All but the end is in the UPID, so the two list methods need no separate readers. */
export function taskFromWire(wire: Fields): Task {
  const upid = parseUpid(wire.text("upid"));
  const endS = wire.numOrNull("endtime");
  const status = wire.text("status") || (endS === null ? "" : UNEXPECTED);
  const state = taskState(status);
  return {
    upid: wire.text("upid"),
    node: upid?.node ?? "",
    type: upid?.type ?? "",
    id: upid?.id ?? "",
    user: upid?.user ?? "",
    startS: upid?.startS ?? 0,
    endS: state === "running" ? null : endS,
    state,
    status: state === "running" ? "" : status,
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
  const tasks = rows(data).map(taskFromWire);
  return { tasks, total: total ?? tasks.length };
}

/** One task by its id; works for tasks that the recent list no longer holds. */
export async function getTask(upid: string): Promise<Task> {
  const wire = new Fields(await client.call("GET /nodes/{node}/tasks/{upid}/status", { node: nodeOf(upid), upid }));
  const status = wire.text("status") === "running" ? "RUNNING" : wire.text("exitstatus") || UNEXPECTED;
  return taskFromWire(new Fields({ upid, status }));
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
    const fresh = rows(data)
      .map((line) => ({ n: line.num("n"), text: line.text("t") }))
      .filter(({ n }) => n > start);
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
