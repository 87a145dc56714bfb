import { expect, test } from "vitest";
import type { Rule } from "../api/haRules";
import { nodeField, priorities, ruleOf, ruleValues, serviceField } from "./haRules";

const common = { id: "home", services: ["vm:100", "ct:102"], comment: "", disabled: false, error: "", digest: "d" };
const nodes: Rule = {
  ...common,
  kind: "nodes",
  nodes: new Map([
    ["a", 7],
    ["b", 0],
  ]),
  strict: true,
};
const apart: Rule = { ...common, kind: "apart", disabled: true, comment: "two copies" };

test("a rule goes through the form unchanged", () => {
  for (const rule of [nodes, apart]) {
    const { error: _error, digest: _digest, ...change } = rule;
    expect(ruleOf(ruleValues(rule))).toEqual(change);
  }
});

test("what is taken out of the form is out of the rule; the name loses its blanks", () => {
  const edited = { ...ruleValues(nodes), id: " home ", [serviceField("ct:102")]: "", [nodeField("a")]: "" };
  expect(ruleOf(edited)).toMatchObject({ id: "home", services: ["vm:100"], nodes: new Map([["b", 0]]) });
});

test("a new rule is one of nodes, in force", () => {
  expect(ruleOf(ruleValues(null))).toEqual({
    id: "",
    kind: "nodes",
    services: [],
    comment: "",
    disabled: false,
    nodes: new Map(),
    strict: false,
  });
});

test("nodes left over from another kind do not matter", () => {
  expect(ruleOf({ ...ruleValues(nodes), kind: "together" })).not.toHaveProperty("nodes");
});

test("a rule's own priorities are offered, the highest first", () => {
  expect(priorities(nodes)).toEqual([7, 3, 2, 1, 0]);
  expect(priorities(apart)).toEqual([3, 2, 1, 0]);
});
