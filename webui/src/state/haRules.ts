/** The form of a rule: a check box for each service, a choice of priority for each node. Pure. */
import type { Rule, RuleChange } from "../api/haRules";

export type Values = Readonly<Record<string, string>>;

const SERVICE = "service:";
const NODE = "node:";

export const serviceField = (sid: string) => SERVICE + sid;
export const nodeField = (node: string) => NODE + node;

/** Priorities that a form offers: the usual ones, and those that the rule has. */
export function priorities(rule: Rule | null): number[] {
  const own = rule?.kind === "nodes" ? [...rule.nodes.values()] : [];
  return [...new Set([0, 1, 2, 3, ...own])].sort((a, b) => b - a);
}

/** What the form begins with. A service or node that is gone keeps its field, so that it can be taken out. */
export function ruleValues(rule: Rule | null): Record<string, string> {
  const nodes = rule?.kind === "nodes" ? [...rule.nodes] : [];
  return {
    id: rule?.id ?? "",
    kind: rule?.kind ?? "nodes",
    comment: rule?.comment ?? "",
    enabled: rule?.disabled ? "" : "1",
    strict: rule?.kind === "nodes" && rule.strict ? "1" : "",
    ...Object.fromEntries((rule?.services ?? []).map((sid) => [serviceField(sid), "1"])),
    ...Object.fromEntries(nodes.map(([node, priority]) => [nodeField(node), String(priority)])),
  };
}

/** The rule that the form says. */
export function ruleOf(values: Values): RuleChange {
  const chosen = (stem: string) =>
    Object.entries(values)
      .filter(([name, value]) => name.startsWith(stem) && value !== "")
      .map(([name, value]): [string, string] => [name.slice(stem.length), value]);
  const common = {
    id: (values["id"] ?? "").trim(),
    services: chosen(SERVICE).map(([sid]) => sid),
    comment: values["comment"] ?? "",
    disabled: values["enabled"] !== "1",
  };
  const kind = values["kind"];
  if (kind === "together" || kind === "apart") return { ...common, kind };
  const nodes = new Map(chosen(NODE).map(([node, priority]) => [node, Number(priority)]));
  return { ...common, kind: "nodes", nodes, strict: values["strict"] === "1" };
}
