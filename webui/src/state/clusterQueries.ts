/** What can be read of the whole cluster, as in `queries.ts`; loaded with the views of it. */
import { queryOptions } from "@tanstack/react-query";
import { getRealms } from "../api/access";
import { getBalance } from "../api/balance";
import { getFindings, getHaStatus, getIncident, getIncidents } from "../api/ha";
import { getRules } from "../api/haRules";
import { getJoinTokens, getMembership, getNodeConfigs, getWitness } from "../api/membership";
import { getOptions } from "../api/options";
import { getPoolMembers, getPools } from "../api/pools";
import { getRealmConfig } from "../api/realms";
import { keys } from "./queryKeys";
import "../i18n/whole";

const live = { live: true };
const fast = { live: "fast" } as const;

export const membershipQuery = () => queryOptions({ queryKey: keys.membership, queryFn: getMembership, meta: fast });

/** Nodes and tokens change when a host joins, which nothing here announces. */
export const nodeConfigsQuery = () => queryOptions({ queryKey: keys.nodeConfigs, queryFn: getNodeConfigs, meta: live });
export const joinTokensQuery = () => queryOptions({ queryKey: keys.joinTokens, queryFn: getJoinTokens, meta: live });

/** Starts a program on the node. */
export const witnessQuery = () => queryOptions({ queryKey: keys.witness, queryFn: getWitness });

export const haStatusQuery = () => queryOptions({ queryKey: keys.haStatus, queryFn: getHaStatus, meta: fast });
export const rulesQuery = () => queryOptions({ queryKey: keys.rules, queryFn: getRules });

/** Looks at every guest's disks and every link; asked when a view opens, after changes, and by its button. */
export const findingsQuery = (sid: string) =>
  queryOptions({ queryKey: keys.findings(sid), queryFn: () => getFindings(sid) });

/** `withProposals`: it also weighs what would be moved now. */
export const balanceQuery = (withProposals: boolean) =>
  queryOptions({
    queryKey: withProposals ? keys.proposals : keys.balance,
    queryFn: () => getBalance(withProposals),
    meta: { live: !withProposals },
  });

export const incidentsQuery = () => queryOptions({ queryKey: keys.incidents, queryFn: getIncidents, meta: live });
export const incidentQuery = (id: string) =>
  queryOptions({ queryKey: keys.incident(id), queryFn: () => getIncident(id) });

export const realmsQuery = () => queryOptions({ queryKey: keys.realms, queryFn: getRealms });
/** What a form begins with, and the state that its change is made from: as it is when the form opens. */
export const realmConfigQuery = (realm: string) =>
  queryOptions({ queryKey: keys.realm(realm), queryFn: () => getRealmConfig(realm), staleTime: 0, gcTime: 0 });

export const optionsQuery = () => queryOptions({ queryKey: keys.options, queryFn: getOptions });
export const poolsQuery = () => queryOptions({ queryKey: keys.pools, queryFn: getPools });
export const poolMembersQuery = (pool: string) =>
  queryOptions({ queryKey: keys.poolMembers(pool), queryFn: () => getPoolMembers(pool) });
