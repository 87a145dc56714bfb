/** What an event of the stream means for what is known. Pure. */
import type { QueryKey } from "@tanstack/react-query";
import type { Resource } from "../api/cluster";
import type { LiveEvent } from "../api/events";
import type { Task } from "../api/tasks";
import { keys } from "./queryKeys";
import { isGuest, isNode } from "./resources";

/** The list with the task in its newest state; new ones come first. */
export function withTask(tasks: readonly Task[], task: Task): Task[] {
  const known = tasks.some(({ upid }) => upid === task.upid);
  return known ? tasks.map((each) => (each.upid === task.upid ? task : each)) : [task, ...tasks];
}

/** States that the event tells; the same list where it tells none. */
export function withState(resources: readonly Resource[], event: LiveEvent): readonly Resource[] {
  if (event.kind === "guest" && event.change === "status") {
    const { vmid, node, running } = event;
    const concerns = (r: Resource) => isGuest(r) && r.vmid === vmid && r.node === node && r.running !== running;
    if (!resources.some(concerns)) return resources;
    const status = running ? "running" : "stopped";
    return resources.map((r) => (isGuest(r) && concerns(r) ? { ...r, running, status, known: true } : r));
  }
  if (event.kind === "node" && event.change === "status") {
    const { node, online } = event;
    const concerns = (r: Resource) => isNode(r) && r.node === node && r.online !== online;
    if (!resources.some(concerns)) return resources;
    const status = online ? "online" : "offline";
    return resources.map((r) => (isNode(r) && concerns(r) ? { ...r, online, status } : r));
  }
  return resources;
}

/** The cache entries that an event makes stale. What a task touches is `taskChanges.ts`'s business. */
export function keysTouchedByEvent(event: LiveEvent): QueryKey[] {
  switch (event.kind) {
    case "guest":
      return [keys.guest(event.vmid)];
    case "node":
      return [keys.node(event.node)];
    case "storage":
      return [keys.allStorage];
    case "access":
      return [keys.people, keys.pools]; // both are in user.cfg
    case "cluster":
      return [keys.options];
    case "task":
      return [];
  }
}

/** Whether the list of resources may look different now, beyond the states above. */
export function changesLists({ kind }: LiveEvent): boolean {
  return kind !== "task" && kind !== "access";
}
