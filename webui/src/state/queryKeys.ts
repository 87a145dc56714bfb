/** The name of every cache entry. A prefix of a key names all entries below it (used to invalidate). */
import type { GuestRef } from "../api/guests";
import type { Frame, HistoryOf } from "../api/history";
import type { TaskQuery } from "../api/tasks";

export const keys = {
  resources: ["resources"],
  recentTasks: ["recent-tasks"],
  factors: (user: string) => ["factors", user],
  people: ["people"],
  users: ["people", "users"],
  groups: ["people", "groups"],
  roles: ["people", "roles"],
  grants: ["people", "grants"],
  nextId: ["next-id"],
  node: (node: string) => ["node", node],
  nodeStatus: (node: string) => ["node", node, "status"],
  history: (of: HistoryOf, frame: Frame) => ["history", of, frame],
  nodeTasks: (node: string, query: TaskQuery) => ["node-tasks", node, query],
  allNodeTasks: ["node-tasks"],
  task: (upid: string) => ["task", upid],
  taskStatus: (upid: string) => ["task", upid, "status"],
  taskLog: (upid: string) => ["task", upid, "log"],
  guest: (vmid: number | string) => ["guest", String(vmid)],
  guestStatus: (guest: GuestRef) => ["guest", String(guest.vmid), "status", guest.node],
  guestConfig: (guest: GuestRef) => ["guest", String(guest.vmid), "config", guest.node],
  pending: (guest: GuestRef) => ["guest", String(guest.vmid), "pending", guest.node],
  snapshots: (guest: GuestRef) => ["guest", String(guest.vmid), "snapshots", guest.node],
  migration: (guest: GuestRef) => ["guest", String(guest.vmid), "migration", guest.node],
  allStorage: ["storage"],
  storages: (node: string) => ["storage", node],
  storage: (node: string, storage: string) => ["storage", node, storage, "status"],
  content: (node: string, storage: string, content: string) => ["storage", node, storage, "content", content],
} as const;
