/** Which nodes services use, which of them stay together or apart. */
import { client } from "./client";
import { rows } from "./wire";

interface Common {
  id: string;
  services: readonly string[];
  comment: string;
  /** It does not count. */
  disabled: boolean;
  /** Why it is not followed; empty where it is. */
  error: string;
  /** What its file was when it was read. */
  digest: string;
}

/** Priority by node; those of the highest are preferred. `strict`: no other node. */
export interface NodeRule extends Common {
  kind: "nodes";
  nodes: ReadonlyMap<string, number>;
  strict: boolean;
}

export interface TogetherRule extends Common {
  kind: "together" | "apart";
}

export type Rule = NodeRule | TogetherRule;

export async function getRules(): Promise<Rule[]> {
  return rows(await client.call("GET /cluster/ha/rules", {})).map((wire): Rule => {
    const common = {
      id: wire.text("rule"),
      services: wire.list("resources"),
      comment: wire.text("comment"),
      disabled: wire.bool("disable"),
      error: wire
        .sub("errors")
        .entries()
        .map(([, text]) => String(text))
        .join("; "),
      digest: wire.text("digest"),
    };
    if (wire.text("type") !== "node-affinity") {
      return { ...common, kind: wire.text("affinity") === "negative" ? "apart" : "together" };
    }
    const nodes = wire.list("nodes").map((part): [string, number] => {
      const [name = "", priority = "0"] = part.split(":");
      return [name, Number(priority)];
    });
    return { ...common, kind: "nodes", nodes: new Map(nodes), strict: wire.bool("strict") };
  });
}

export type RuleChange = Omit<NodeRule, "error" | "digest"> | Omit<TogetherRule, "error" | "digest">;

/** `before` is null for a new one. */
export async function setRule(rule: RuleChange, before: Rule | null): Promise<void> {
  const flag = <K extends string>(name: K, value: boolean) =>
    (value || before !== null ? { [name]: value } : {}) as Partial<Record<K, boolean>>; // a new one needs no "no"
  const params = { rule: rule.id, resources: rule.services.join(","), ...flag("disable", rule.disabled) };
  const comment = rule.comment ? { comment: rule.comment } : before?.comment ? { delete: "comment" } : {};
  const kind =
    rule.kind === "nodes"
      ? ({
          type: "node-affinity",
          nodes: [...rule.nodes].map(([node, priority]) => (priority > 0 ? `${node}:${priority}` : node)).join(","),
          ...flag("strict", rule.strict),
        } as const)
      : ({ type: "resource-affinity", affinity: rule.kind === "apart" ? "negative" : "positive" } as const);
  if (before === null) return void (await client.call("POST /cluster/ha/rules", { ...params, ...kind, ...comment }));
  await client.call("PUT /cluster/ha/rules/{rule}", { ...params, ...kind, ...comment, digest: before.digest });
}

export async function deleteRule(rule: string): Promise<void> {
  await client.call("DELETE /cluster/ha/rules/{rule}", { rule });
}
