/**
 * What can be read, as options for `useQuery`. `meta.live` entries are refreshed by the poller while a view shows them;
 * `"fast"` ones change by themselves, without an event that tells it.
 */
import { type QueryClient, queryOptions } from "@tanstack/react-query";
import { getAddresses } from "../api/addresses";
import { getNextId, getRecentTasks, getResources } from "../api/cluster";
import { getFactors } from "../api/factors";
import { type GuestRef, getGuestConfig, getGuestStatus } from "../api/guests";
import { getHardware } from "../api/hardware";
import { type Frame, getHistory, type HistoryOf } from "../api/history";
import { getImport } from "../api/imports";
import { getMigration } from "../api/moves";
import { getNodeStatus } from "../api/nodes";
import { getGrants, getGroups, getRoles, getUsers } from "../api/people";
import { getRights } from "../api/rights";
import { getSnapshots } from "../api/snapshots";
import { type ContentKind, getContent, getStorage, getStorages } from "../api/storage";
import { getNodeTasks, getTask, getTaskLog, type LogLine, type TaskQuery } from "../api/tasks";
import { keys } from "./queryKeys";

declare module "@tanstack/react-query" {
  interface Register {
    queryMeta: {
      live?: boolean | "fast";
      /** Not before it is so old. */
      ageMs?: number;
    };
  }
}

const live = { live: true };
const fast = { live: "fast" } as const;

/** Rows come each minute, of longer frames every half hour and more. */
const historyAgeMs = (frame: Frame) => (frame === "hour" || frame === "day" ? 60_000 : 1_800_000);

export const historyQuery = (of: HistoryOf, frame: Frame) =>
  queryOptions({
    queryKey: keys.history(of, frame),
    queryFn: () => getHistory(of, frame),
    meta: { live: true, ageMs: historyAgeMs(frame) },
    staleTime: historyAgeMs(frame),
  });

/** The poller alone refreshes these two. */
export const resourcesQuery = () =>
  queryOptions({ queryKey: keys.resources, queryFn: getResources, staleTime: Infinity });

export const recentTasksQuery = () =>
  queryOptions({ queryKey: keys.recentTasks, queryFn: getRecentTasks, staleTime: Infinity });

/** A free id is asked for again each time a form opens. */
export const nextIdQuery = () => queryOptions({ queryKey: keys.nextId, queryFn: getNextId, staleTime: 0, gcTime: 0 });

export const factorsQuery = (user: string) =>
  queryOptions({ queryKey: keys.factors(user), queryFn: () => getFactors(user), staleTime: 0 });

/** Changed by people alone: asked for anew after each change made here, and when a view opens. */
export const usersQuery = () => queryOptions({ queryKey: keys.users, queryFn: getUsers });
export const groupsQuery = () => queryOptions({ queryKey: keys.groups, queryFn: getGroups });
export const rolesQuery = () => queryOptions({ queryKey: keys.roles, queryFn: getRoles });
/** What this session's user may do at a path. */
export const rightsQuery = (path: string) =>
  queryOptions({ queryKey: keys.rights(path), queryFn: () => getRights(path), staleTime: 60_000 });

export const grantsQuery = () => queryOptions({ queryKey: keys.grants, queryFn: getGrants });

export const nodeStatusQuery = (node: string) =>
  queryOptions({ queryKey: keys.nodeStatus(node), queryFn: () => getNodeStatus(node), meta: fast });

export const nodeTasksQuery = (node: string, query: TaskQuery) =>
  queryOptions({ queryKey: keys.nodeTasks(node, query), queryFn: () => getNodeTasks(node, query) });

export const taskStatusQuery = (upid: string) =>
  queryOptions({ queryKey: keys.taskStatus(upid), queryFn: () => getTask(upid), meta: live });

/** A log only grows: each refresh asks for the lines after the last one known. */
export const taskLogQuery = (queryClient: QueryClient, upid: string, running: boolean) =>
  queryOptions({
    queryKey: keys.taskLog(upid),
    queryFn: async () => {
      const known = queryClient.getQueryData<LogLine[]>(keys.taskLog(upid)) ?? [];
      const fresh = await getTaskLog(upid, known.at(-1)?.n ?? 0);
      return fresh.length > 0 ? [...known, ...fresh] : known;
    },
    meta: running ? fast : {},
  });

export const guestStatusQuery = (guest: GuestRef) =>
  queryOptions({ queryKey: keys.guestStatus(guest), queryFn: () => getGuestStatus(guest), meta: fast });

export const guestConfigQuery = (guest: GuestRef) =>
  queryOptions({ queryKey: keys.guestConfig(guest), queryFn: () => getGuestConfig(guest), meta: live });

export const hardwareQuery = (guest: GuestRef) =>
  queryOptions({ queryKey: keys.hardware(guest), queryFn: () => getHardware(guest), meta: live });

/** The guest itself is asked, which takes a while. */
export const addressesQuery = (guest: GuestRef) =>
  queryOptions({
    queryKey: keys.addresses(guest),
    queryFn: () => getAddresses(guest),
    meta: { live: true, ageMs: 30_000 },
    staleTime: 30_000,
  });

/** Tasks of the guest alone change these two. */
export const snapshotsQuery = (guest: GuestRef) =>
  queryOptions({ queryKey: keys.snapshots(guest), queryFn: () => getSnapshots(guest) });

export const migrationQuery = (guest: GuestRef) =>
  queryOptions({ queryKey: keys.migration(guest), queryFn: () => getMigration(guest), staleTime: 0 });

export const storagesQuery = (node: string) =>
  queryOptions({ queryKey: keys.storages(node), queryFn: () => getStorages(node), enabled: node !== "" });

export const storageQuery = (node: string, storage: string) =>
  queryOptions({ queryKey: keys.storage(node, storage), queryFn: () => getStorage(node, storage), meta: live });

/** `content` empty lists everything. Listing can be slow on network storage, so only tasks refresh it. */
export const contentQuery = (node: string, storage: string, content: ContentKind | "") =>
  queryOptions({
    queryKey: keys.content(node, storage, content),
    queryFn: () => getContent(node, storage, content || undefined),
  });

/** What the description in a file says. */
export const importQuery = (node: string, storage: string, volid: string) =>
  queryOptions({ queryKey: keys.import(node, volid), queryFn: () => getImport(node, storage, volid) });
