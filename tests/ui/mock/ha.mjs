// TEST CODE. The pretend cluster's high availability: services, rules, what stands in their way, incidents. Nothing moves
// by itself: a test says what the manager would have done by changing `world.ha`.
import { invalid, words } from "./wire.mjs";

const now = () => Math.floor(Date.now() / 1000);
const DIGEST = "0f0e0d0c0b0a09080706050403020100f0e0d0c0";

/** Gives a world a manager; `more` is laid over what it knows. */
export function makeHa(world, more = {}) {
  world.ha = {
    quorate: 1,
    disarm: null,
    // sid -> {options, state, node, target?, failed_nodes?, maintenance_node?}
    services: new Map(),
    maintenance: new Set(),
    unwatched: new Set(),
    rules: [],
    findings: [],
    incidents: [],
    moves: [],
    balance: { enable: 0, guests: [], moves: [], proposals: [] },
    ...more,
  };
  return world;
}

/** A service in a state. */
export function addService(world, sid, state, more = {}) {
  const { options = {}, node = "pve1", ...kept } = more;
  world.ha.services.set(sid, { options, state, node, kept });
}

const ha = (world) => (world.ha ??= makeHa(world).ha);

function current(world) {
  const { quorate, disarm, services, unwatched } = ha(world);
  const node = world.nodes[0];
  const rows = [
    {
      id: "quorum",
      type: "quorum",
      node,
      quorate,
      status: quorate ? "OK" : "No quorum!",
    },
  ];
  if (services.size > 0)
    rows.push({
      id: "master",
      type: "master",
      node,
      status: `${node} (active, Mon Nov 30 05:00:00 2026)`,
      timestamp: now(),
    });
  const armed = disarm ? "disarmed" : services.size > 0 ? "armed" : "standby";
  rows.push({
    id: "fencing",
    type: "fencing",
    node,
    "armed-state": armed,
    ...(disarm && { resource_mode: disarm }),
    status: disarm
      ? `disarmed (${disarm})`
      : armed === "standby"
        ? "standby (no services)"
        : "armed",
  });
  for (const name of world.nodes)
    rows.push({
      id: `lrm:${name}`,
      type: "lrm",
      node: name,
      status: `${name} (idle, Mon Nov 30 05:00:00 2026)`,
      timestamp: now(),
      watchdog: unwatched.has(name) ? "none" : "wdmd",
    });
  for (const [sid, { options, state, node: at }] of services)
    rows.push({
      id: `service:${sid}`,
      type: "service",
      sid,
      node: at,
      request_state: options.state ?? "started",
      max_restart: Number(options.max_restart ?? 1),
      max_relocate: Number(options.max_relocate ?? 1),
      failback: Number(options.failback ?? 1),
      state,
      crm_state: state,
      status: `${sid} (${at}, ${state})`,
    });
  return rows;
}

function managerStatus(world) {
  const { services, maintenance, quorate } = ha(world);
  return {
    manager_status: {
      master_node: world.nodes[0],
      service_status: Object.fromEntries(
        [...services].map(([sid, { state, node, kept }]) => [
          sid,
          { state, node, uid: "1", ...kept },
        ]),
      ),
      node_request: Object.fromEntries(
        [...maintenance].map((node) => [node, { maintenance: 1 }]),
      ),
    },
    quorum: { node: world.nodes[0], quorate },
    lrm_status: {},
  };
}

const resources = (world) =>
  [...ha(world).services].map(([sid, { options }]) => ({
    sid,
    type: sid.split(":")[0],
    digest: DIGEST,
    ...options,
  }));

function create(world, _path, { sid, ...options }) {
  if (Number(options.max_restart) > 1000)
    throw invalid({ max_restart: "value must have a maximum value of 1000" });
  addService(world, sid, "queued", { options });
  return null;
}

function update(world, { sid }, { delete: dropped, ...options }) {
  const service = ha(world).services.get(sid);
  Object.assign(service.options, options);
  for (const key of words(dropped)) delete service.options[key];
  return null;
}

function remove(world, { sid }) {
  ha(world).services.delete(sid);
  return null;
}

function move(how) {
  return (world, { sid }, { node }) => {
    const { rules, services, moves } = ha(world);
    const of = (kind) =>
      rules
        .filter(
          ({ affinity, resources: all }) =>
            affinity === kind && words(all).includes(sid),
        )
        .flatMap(({ resources: all }) => words(all))
        .filter((other) => other !== sid);
    const answer = { sid, "requested-node": node };
    const along = of("positive");
    if (along.length > 0) answer["comigrated-resources"] = along;
    const blocking = of("negative").filter(
      (other) => services.get(other)?.node === node,
    );
    if (blocking.length > 0)
      return {
        ...answer,
        "blocking-resources": blocking.map((other) => ({
          sid: other,
          cause: "resource-affinity",
        })),
      };
    moves.push(`${how} ${sid} ${node}`);
    return answer;
  };
}

function checkRule(world, rule) {
  if (rule.type === "node-affinity" && !rule.nodes)
    throw invalid({ nodes: "property is missing and it is not optional" });
  if (words(rule.resources).length === 0)
    throw invalid({ resources: "property is missing and it is not optional" });
}

const rules = (world) =>
  ha(world).rules.map((rule, i) => ({ ...rule, order: i + 1, digest: DIGEST }));

function createRule(world, _path, rule) {
  if (!/^[a-z][\w-]+$/i.test(rule.rule))
    throw invalid({ rule: `invalid configuration ID '${rule.rule}'` });
  checkRule(world, rule);
  ha(world).rules.push(rule);
  return null;
}

function updateRule(
  world,
  { rule: id },
  { delete: dropped, digest, ...values },
) {
  if (digest !== DIGEST)
    throw { status: 500, message: "detected modified configuration" };
  const rule = ha(world).rules.find((each) => each.rule === id);
  checkRule(world, { ...rule, ...values });
  Object.assign(rule, values);
  for (const key of words(dropped)) delete rule[key];
  return null;
}

function deleteRule(world, { rule }) {
  ha(world).rules = ha(world).rules.filter((each) => each.rule !== rule);
  return null;
}

function balance(world, _path, params) {
  const { proposals, moves, ...wish } = ha(world).balance;
  return {
    ...wish,
    services: 0,
    digest: DIGEST,
    nodes: world.nodes.map((node, i) => ({
      node,
      cpu: 0.7 - 0.2 * i,
      mem: 0.6 - 0.1 * i,
    })),
    moves,
    ...(params["dry-run"] === "1" && { proposals }),
  };
}

function setBalance(world, _path, { enable, guests }) {
  const ids = words(guests).map(Number);
  const unknown = ids.filter((id) => world.guests.get(id)?.kind !== "qemu");
  if (unknown.length > 0)
    throw invalid({ guests: `no such machines: ${unknown.join(", ")}` });
  Object.assign(ha(world).balance, { enable: Number(enable), guests: ids });
  return null;
}

const findings = (world, _path, { sid }) =>
  ha(world).findings.filter(
    ({ subject }) =>
      (sid ? subject === sid : ha(world).services.has(subject)) ||
      !/^(vm|ct):/.test(subject),
  );

function incident(world, { incident: id }) {
  return ha(world).incidents.find((each) => each.incident === id);
}

export const HA_ROUTES = {
  "GET /cluster/ha/status/current": current,
  "GET /cluster/ha/status/manager_status": managerStatus,
  "POST /cluster/ha/status/arm-ha": (world) => {
    ha(world).disarm = null;
    return null;
  },
  "POST /cluster/ha/status/disarm-ha": (world, _path, params) => {
    ha(world).disarm = params["resource-mode"];
    return null;
  },
  "GET /cluster/ha/resources": resources,
  "POST /cluster/ha/resources": create,
  "PUT /cluster/ha/resources/{sid}": update,
  "DELETE /cluster/ha/resources/{sid}": remove,
  "POST /cluster/ha/resources/{sid}/migrate": move("migrate"),
  "POST /cluster/ha/resources/{sid}/relocate": move("relocate"),
  "GET /cluster/ha/rules": rules,
  "POST /cluster/ha/rules": createRule,
  "PUT /cluster/ha/rules/{rule}": updateRule,
  "DELETE /cluster/ha/rules/{rule}": deleteRule,
  "GET /cluster/ha/preflight": findings,
  "GET /cluster/ha/balance": balance,
  "PUT /cluster/ha/balance": setBalance,
  "GET /cluster/ha/incidents": (world) =>
    ha(world).incidents.map(
      ({ first, summary, timeline, seen, ...row }) => row,
    ),
  "GET /cluster/ha/incidents/{incident}": incident,
};
