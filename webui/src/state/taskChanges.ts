import type { QueryKey } from "@tanstack/react-query";
import type { Task } from "../api/tasks";
import { keys } from "./queryKeys";

export interface TaskChanges {
  started: Task[];
  finished: Task[];
}

/** What happened between two looks at the recent tasks. The first look reports nothing: its entries are history. */
export function taskChanges(before: readonly Task[] | undefined, after: readonly Task[]): TaskChanges {
  if (before === undefined) return { started: [], finished: [] };
  const known = new Map(before.map((task) => [task.upid, task]));
  return {
    started: after.filter((task) => !known.has(task.upid)),
    finished: after.filter(
      (task) => task.state !== "running" && (known.get(task.upid)?.state ?? "running") === "running",
    ),
  };
}

/** Task types that add or remove volumes. */
const STORAGE_TASKS = /^(img|qm(create|destroy|restore|clone|move)|vz(create|destroy|restore|clone|dump)|download)/;

/** The cache entries that a started or finished task makes stale. */
export function keysTouchedBy(task: Task): QueryKey[] {
  const touched: QueryKey[] = [keys.allNodeTasks, keys.task(task.upid)];
  if (/^\d+$/.test(task.id)) touched.push(keys.guest(task.id));
  if (task.type.startsWith("cluster")) touched.push(keys.cluster);
  if (STORAGE_TASKS.test(task.type)) touched.push(keys.allStorage);
  return touched;
}
