import { expect, test } from "vitest";
import { balanceFromWire } from "./balance";
import { Fields } from "./wire";

test("moves stand by their dates, services' by their age", () => {
  const { moves } = balanceFromWire(
    new Fields({
      moves: [
        { sid: "vm:100", source: "a", target: "b", why: "w", state: "ok", told: "UPID", decided: 900 },
        { sid: "vm:101", source: "a", target: "c", why: "w", ago: 50 },
      ],
    }),
    1000,
  );
  expect(moves.map(({ sid, atS, state }) => [sid, atS, state])).toEqual([
    ["vm:101", 950, ""],
    ["vm:100", 900, "ok"],
  ]);
});

test("settings, loads, and what would be moved", () => {
  const balance = balanceFromWire(
    new Fields({
      enable: 1,
      services: 0,
      guests: [100, 104],
      digest: "d",
      nodes: [{ node: "a", cpu: 0.5, mem: 0.25 }],
      moves: [],
      proposals: [{ about: "guests", imbalance: 0.1, why: "not above 0.30" }],
    }),
    0,
  );
  expect(balance).toEqual({
    enabled: true,
    services: false,
    guests: ["100", "104"],
    digest: "d",
    loads: [{ node: "a", cpu: 0.5, memory: 0.25 }],
    moves: [],
    proposals: [{ about: "guests", sid: "", source: "", target: "", why: "not above 0.30" }],
  });
});
