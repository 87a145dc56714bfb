import { expect, test } from "vitest";
import { haStatusFromWire } from "./ha";

const QUORUM = { id: "quorum", type: "quorum", node: "a", quorate: 1, status: "OK" };
const service = { id: "service:vm:100", type: "service", sid: "vm:100", node: "a", state: "started" };

test("rows, what the manager stored, and comments come together by service", () => {
  const status = haStatusFromWire(
    [
      QUORUM,
      { id: "master", type: "master", node: "a", status: "a (active, Mon Nov 30 05:00:00 2026)" },
      { id: "fencing", type: "fencing", node: "a", "armed-state": "armed", status: "armed" },
      { id: "lrm:b", type: "lrm", node: "b", status: "b (maintenance mode, Mon Nov 30)", watchdog: "none" },
      { ...service, request_state: "started", max_restart: 0, max_relocate: 4, failback: 0 },
    ],
    {
      manager_status: {
        service_status: { "vm:100": { state: "migrate", target: "b", failed_nodes: ["c"], maintenance_node: "d" } },
        node_request: { b: { maintenance: 1 } },
      },
    },
    [{ sid: "vm:100", comment: "the shop" }],
  );
  expect(status).toMatchObject({ quorate: true, armed: "armed", master: "a (active, Mon Nov 30 05:00:00 2026)" });
  expect(status.agents).toEqual([
    { node: "b", state: "maintenance mode, Mon Nov 30", watchdog: "none", maintenance: true },
  ]);
  expect(status.services).toEqual([
    {
      sid: "vm:100",
      node: "a",
      state: "started",
      wish: "started",
      target: "b",
      failedNodes: ["c"],
      homeNode: "d",
      maxRestart: 0,
      maxRelocate: 4,
      failback: false,
      comment: "the shop",
    },
  ]);
});

test("a service that is being taken out has no options; they read as those of a new one", () => {
  const { services, master } = haStatusFromWire([QUORUM, { ...service, state: "deleting" }], {}, []);
  expect(master).toBe("");
  expect(services[0]).toMatchObject({ wish: "", maxRestart: 1, maxRelocate: 1, failback: true, failedNodes: [] });
});
