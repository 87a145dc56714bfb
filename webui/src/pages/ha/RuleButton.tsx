import EditIcon from "@patternfly/react-icons/dist/esm/icons/edit-icon";
import PlusIcon from "@patternfly/react-icons/dist/esm/icons/plus-icon";
import type { Service } from "../../api/ha";
import { type Rule, setRule } from "../../api/haRules";
import type { Field, Values } from "../../components/FieldForm";
import { t } from "../../i18n";
import { nodeField, priorities, ruleOf, ruleValues, serviceField } from "../../state/haRules";
import { keys } from "../../state/queryKeys";
import { findGuest, nodes } from "../../state/resources";
import { FormButton } from "../common/FormButton";
import { useResources } from "../common/useResources";

interface Props {
  /** null: a new one. */
  rule: Rule | null;
  services: readonly Service[];
}

/** Adds a rule or changes one. */
export function RuleButton({ rule, services }: Props) {
  const { resources } = useResources();
  const sids = union(
    services.map(({ sid }) => sid),
    rule?.services ?? [],
  );
  const labels = sids.map((sid) => {
    const guest = findGuest(resources, Number(sid.split(":")[1]));
    return { sid, label: guest ? t("ha.named", { sid, name: guest.name }) : sid };
  });
  const names = union(
    nodes(resources).map(({ node }) => node),
    rule?.kind === "nodes" ? [...rule.nodes.keys()] : [],
  );
  return (
    <FormButton
      id="rule"
      label={rule ? t("rule.edit", { id: rule.id }) : t("rule.add")}
      icon={rule ? <EditIcon /> : <PlusIcon />}
      variant={rule ? "plain" : "primary"}
      isDisabled={sids.length === 0}
      submitLabel={rule ? t("save") : t("add")}
      touches={keys.ha}
      fieldOf={(name) => (name === "rule" ? "id" : name)}
      values={ruleValues(rule)}
      fields={(values) => ruleFields(values, rule, labels, names)}
      order={(values) => setRule(ruleOf(values), rule)}
    >
      {({ kind = "nodes" }) => <p>{t(`rule.${kind as Rule["kind"]}Text`)}</p>}
    </FormButton>
  );
}

const union = (some: readonly string[], more: readonly string[]) => [...new Set([...some, ...more])].sort();

interface Choice {
  sid: string;
  label: string;
}

function ruleFields(values: Values, rule: Rule | null, choices: readonly Choice[], names: readonly string[]): Field[] {
  const kinds = rule ? (rule.kind === "nodes" ? [] : (["together", "apart"] as const)) : ALL_KINDS;
  const fields: Field[] = [];
  if (!rule) fields.push({ kind: "text", name: "id", label: t("rule.id"), help: t("rule.idHelp"), required: true });
  if (kinds.length > 0) {
    const options = kinds.map((value) => ({ value, label: t(`rule.${value}`) }));
    fields.push({ kind: "select", name: "kind", label: t("rule.says"), options });
  }
  fields.push(...choices.map(({ sid, label }): Field => ({ kind: "checkbox", name: serviceField(sid), label })));
  if (values["kind"] === "nodes") {
    const options = [
      { value: "", label: t("rule.notThis") },
      ...priorities(rule).map((priority) => ({
        value: String(priority),
        label: t(priority > 0 ? "rule.priority" : "rule.lowest", { priority }),
      })),
    ];
    fields.push(
      ...names.map((node): Field => ({
        kind: "select",
        name: nodeField(node),
        label: t("rule.node", { node }),
        options,
      })),
      { kind: "checkbox", name: "strict", label: t("rule.strict"), help: t("rule.strictHelp"), wide: true },
    );
  }
  fields.push(
    { kind: "text", name: "comment", label: t("user.comment"), wide: true },
    { kind: "checkbox", name: "enabled", label: t("rule.enabled"), wide: true },
  );
  return fields;
}

const ALL_KINDS = ["nodes", "together", "apart"] as const;
