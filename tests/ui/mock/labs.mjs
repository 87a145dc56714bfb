// TEST CODE. Pretend clusters of several nodes, worth looking at.
import { furnish } from "../mock_server.mjs";
import { makeCluster } from "./cluster.mjs";
import { addService, makeHa } from "./ha.mjs";
import { World } from "./world.mjs";

/** Three nodes: the first is the one that is asked. `more` is laid over what is said of the cluster. */
export function lab(more) {
  const world = furnish(new World());
  world.nodes.push("pve2", "pve3");
  return makeHa(makeCluster(world, more));
}

/** With services in all kinds of states, rules, findings and an incident. */
export function busyLab() {
  const world = lab({ rings: 2 });
  const { ha } = world;
  world.addGuest("qemu", 200, "application-server-with-a-long-name", {
    node: "pve2",
    running: true,
  });
  addService(world, "vm:100", "started", {
    options: { comment: "the shop", max_restart: 2 },
  });
  addService(world, "vm:101", "migrate", { target: "pve2" });
  addService(world, "ct:102", "error", { failed_nodes: ["pve1", "pve3"] });
  addService(world, "vm:200", "started", {
    node: "pve2",
    maintenance_node: "pve3",
  });
  ha.maintenance.add("pve3");
  ha.unwatched.add("pve2");
  ha.rules.push(
    {
      rule: "shop-home",
      type: "node-affinity",
      resources: "vm:100,vm:101",
      nodes: "pve1:2,pve2",
      strict: 1,
      comment: "licences are bound to these machines",
    },
    {
      rule: "copies",
      type: "resource-affinity",
      affinity: "negative",
      resources: "vm:100,vm:200",
      errors: { resources: "contradicts rule 'shop-home'" },
    },
  );
  ha.findings.push(
    {
      severity: "error",
      subject: "ct:102",
      code: "local_disks",
      text: "'ct:102' may be recovered on pve2, pve3, where its local volumes are not: local-lvm:vm-102-disk-0",
      advice: "move its disks to a shared storage",
    },
    {
      severity: "error",
      subject: "ct:103",
      code: "no_storage",
      text: "'ct:103' may be recovered on node 'pve2', which does not have storage nfs-archive",
      advice: "enable the storage there (pvesm set … --nodes)",
    },
    {
      severity: "warning",
      subject: "node:pve2",
      code: "no_watchdog",
      text: "nothing resets node 'pve2' when it hangs",
      advice: "on 'pve2': apt install sanlock",
    },
    {
      severity: "info",
      subject: "cluster",
      code: "one_link",
      text: "nodes hear each other over one link only",
      advice: "give every node a second link over other cables and switches",
    },
  );
  ha.balance.moves.push({
    sid: "vm:104",
    source: "pve1",
    target: "pve2",
    why: "processors of pve1 were used by 81 %, those of pve2 by 12 %",
    state: "failed",
    told: "",
    decided: 1_795_914_000,
  });
  ha.balance.proposals = [
    {
      about: "guests",
      imbalance: 0.12,
      why: "the imbalance 0.12 is not above 0.30",
    },
    {
      about: "services",
      imbalance: 0.41,
      sid: "vm:100",
      source: "pve1",
      target: "pve3",
      after: 0.2,
      why: "pve1 is used most, pve3 least",
    },
  ];
  ha.incidents.push({
    incident: "20261129T011500-pve3",
    about: "node",
    subject: "pve3",
    state: "closed",
    title: "node 'pve3' was lost at 2026-11-29 01:15:00 UTC",
    begun: 1_795_914_900,
    returned: 1_795_915_300,
    closed: 1_795_915_300,
    services: 1,
    pending: 0,
    first: "12 s before: link 0 from 'pve1' to 'pve3' went down",
    summary: [
      "its agent's lock was free after 132 s",
      "vm:200 was started on 'pve2' after 141 s",
    ],
    timeline: [
      "2026-11-29 01:14:48 pve1: link 0 from 'pve1' to 'pve3' went down",
      "2026-11-29 01:15:00 pve1: node 'pve3' left the cluster's membership",
      "2026-11-29 01:17:21 pve1: service 'vm:200' goes from 'pve3' to 'pve2'",
    ],
    seen: [],
  });
  return world;
}
