import { describe, expect, test } from "vitest";
import type { Membership, NodeConfig } from "../api/membership";
import { nodesToSpare, wantsWitness } from "./quorum";

const member = (name: string, online = true) => ({
  name,
  online,
  local: false,
  address: "",
  links: [],
  clockOffsetS: null,
});
function membership(margin: number | null, names: string[], more = {}): Membership {
  const votes = margin === null ? null : { present: 3, needed: 2, expected: 3, margin, witness: null };
  return { cluster: { name: "lab", quorate: true, version: 1, votes, ...more }, members: names.map((n) => member(n)) };
}
const config = (name: string, votes = 1): NodeConfig => ({ name, votes, number: 1, addresses: [] });

describe("nodes to spare", () => {
  test("each node has a vote", () => {
    expect([0, 1, 2].map((margin) => nodesToSpare(membership(margin, ["a", "b", "c"]), []))).toEqual([0, 1, 2]);
  });

  test("whichever fails: the one of most votes counts", () => {
    expect(nodesToSpare(membership(1, ["a", "b", "c"]), [config("a", 2), config("b")])).toBe(0);
    expect(nodesToSpare(membership(3, ["a", "b", "c"]), [config("a", 2), config("b")])).toBe(2);
  });

  test("nodes that are away cannot fail any more; a node without a vote may", () => {
    const away: Membership = { ...membership(5, []), members: [member("a"), member("b", false)] };
    expect(nodesToSpare(away, [])).toBe(1);
    expect(nodesToSpare(membership(0, ["a", "b"]), [config("a", 0), config("b", 0)])).toBe(2);
  });

  test("without quorum none; without votes or a cluster nobody knows", () => {
    expect(nodesToSpare(membership(-1, ["a"], { quorate: false }), [])).toBe(0);
    expect(nodesToSpare(membership(null, ["a"]), [])).toBeNull();
    expect(nodesToSpare({ cluster: null, members: [member("a")] }, [])).toBeNull();
  });
});

test("an even number of nodes wants a witness", () => {
  expect(wantsWitness(membership(0, ["a", "b"]))).toBe(true);
  expect(wantsWitness(membership(1, ["a", "b", "c"]))).toBe(false);
  const witness = { registered: true, casts: true };
  const votes = { present: 3, needed: 2, expected: 3, margin: 1, witness };
  expect(wantsWitness(membership(1, ["a", "b"], { votes }))).toBe(false);
  expect(wantsWitness({ cluster: null, members: [member("a")] })).toBe(false);
});
