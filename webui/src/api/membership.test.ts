import { expect, test } from "vitest";
import { membershipFromWire } from "./membership";
import { rows } from "./wire";

test("a host by itself is no cluster", () => {
  const own = { id: "node/a", name: "a", type: "node", online: 1, local: 1, nodeid: 0, level: "", ip: "10.0.0.1" };
  const { cluster, members } = membershipFromWire(rows([own]));
  expect(cluster).toBeNull();
  expect(members).toEqual([
    { name: "a", online: true, local: true, address: "10.0.0.1", links: [], clockOffsetS: null },
  ]);
});

test("votes, links and clocks as the asked node feels them", () => {
  const health = { votes: 3, votes_needed: 2, votes_expected: 3, margin: 1, qdevice: { registered: 1, casts: 0 } };
  const link = { link: 1, connected: 1, ups: 1, downs: 4, round_trip: 0.002, loss: 0.25 };
  const fresh = { link: 2, connected: 0, ups: 0, downs: 0 };
  const { cluster, members } = membershipFromWire(
    rows([
      { id: "cluster", type: "cluster", name: "lab", version: 7, nodes: 2, quorate: 1, health },
      { id: "node/a", type: "node", name: "a", online: 1, local: 1 },
      {
        id: "node/b",
        type: "node",
        name: "b",
        online: 0,
        local: 0,
        health: { links: [link, fresh], clock_offset: -2 },
      },
    ]),
  );
  const witness = { registered: true, casts: false };
  expect(cluster).toEqual({
    name: "lab",
    quorate: true,
    version: 7,
    votes: { present: 3, needed: 2, expected: 3, margin: 1, witness },
  });
  expect(members[1]).toMatchObject({
    online: false,
    clockOffsetS: -2,
    links: [
      { number: 1, connected: true, roundTripS: 0.002, loss: 0.25, downs: 4 },
      { number: 2, connected: false, roundTripS: null, loss: null, downs: 0 },
    ],
  });
});

test("what nobody can tell is not made up", () => {
  const { cluster } = membershipFromWire(rows([{ type: "cluster", name: "lab", quorate: 0 }]));
  expect(cluster).toMatchObject({ quorate: false, votes: null });
});
