/** What can be read of the host below a node. People and tasks change it, so little of it is asked for again. */
import { type QueryClient, queryOptions } from "@tanstack/react-query";
import { getDisks, getPools, getSmart } from "../api/disks";
import {
  getCertificates,
  getClock,
  getHosts,
  getJournal,
  getNetwork,
  getResolver,
  getServices,
  getUpdates,
  type JournalPart,
  type JournalQuery,
} from "../api/system";
import { keys } from "./queryKeys";

export const disksQuery = (node: string) => queryOptions({ queryKey: keys.disks(node), queryFn: () => getDisks(node) });

export const diskPoolsQuery = (node: string) =>
  queryOptions({ queryKey: keys.diskPools(node), queryFn: () => getPools(node) });

export const smartQuery = (node: string, disk: string) =>
  queryOptions({ queryKey: keys.smart(node, disk), queryFn: () => getSmart(node, disk) });

/** One question to systemd for all of them. */
export const servicesQuery = (node: string) =>
  queryOptions({
    queryKey: keys.services(node),
    queryFn: () => getServices(node),
    meta: { live: true, ageMs: 10_000 },
  });

export const clockQuery = (node: string) =>
  queryOptions({ queryKey: keys.clock(node), queryFn: () => getClock(node), meta: { live: "fast" } });

export const resolverQuery = (node: string) =>
  queryOptions({ queryKey: keys.resolver(node), queryFn: () => getResolver(node) });

export const hostsQuery = (node: string) => queryOptions({ queryKey: keys.hosts(node), queryFn: () => getHosts(node) });

export const certificatesQuery = (node: string) =>
  queryOptions({ queryKey: keys.certificates(node), queryFn: () => getCertificates(node) });

export const networkQuery = (node: string) =>
  queryOptions({ queryKey: keys.network(node), queryFn: () => getNetwork(node) });

export const updatesQuery = (node: string) =>
  queryOptions({ queryKey: keys.updates(node), queryFn: () => getUpdates(node) });

/** How many lines a view begins with, and keeps. */
const FIRST_LINES = 500;
const MOST_LINES = 5000;

/** Each refresh asks for what came after the last entry known, which costs the node a program. */
export const journalQuery = (queryClient: QueryClient, node: string, query: JournalQuery) =>
  queryOptions({
    queryKey: keys.journal(node, query),
    queryFn: async (): Promise<JournalPart> => {
      const known = queryClient.getQueryData<JournalPart>(keys.journal(node, query));
      if (!known?.cursor) return getJournal(node, query, { last: FIRST_LINES });
      const fresh = await getJournal(node, query, { after: known.cursor });
      return { lines: [...known.lines, ...fresh.lines].slice(-MOST_LINES), cursor: fresh.cursor };
    },
    meta: { live: "fast", ageMs: 5000 },
  });
