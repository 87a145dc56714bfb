import { Label } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import type { Service } from "../../api/ha";
import { deleteRule, type Rule } from "../../api/haRules";
import { ItemList } from "../../components/ItemList";
import { t } from "../../i18n";
import { errorText } from "../../state/errorText";
import { rulesQuery } from "../../state/clusterQueries";
import { keys } from "../../state/queryKeys";
import { RemoveItemButton } from "../common/RemoveItemButton";
import { RuleButton } from "./RuleButton";

/** Which nodes services use, and which of them stay together or apart. */
export function RuleList({ services }: { services: readonly Service[] }) {
  const { data, error, refetch } = useQuery(rulesQuery());
  const columns = [
    { label: t("rule.id"), cell: ({ id }: Rule) => id },
    { label: t("rule.says"), cell: (rule: Rule) => t(`rule.${rule.kind}`) },
    { label: t("ha.services"), cell: (rule: Rule) => rule.services.join(", ") },
    { label: t("nodes"), cell: (rule: Rule) => nodesText(rule) },
    { label: t("rule.state"), cell: (rule: Rule) => <RuleState rule={rule} /> },
    { label: t("user.comment"), cell: ({ comment }: Rule) => comment, wideOnly: true },
  ];
  return (
    <ItemList
      title={t("rules")}
      action={<RuleButton rule={null} services={services} />}
      items={data}
      error={error ? errorText(error) : null}
      onRetry={() => void refetch()}
      emptyText={t("rule.none")}
      columns={columns}
      keyOf={({ id }) => id}
      actionsLabel={t("access.actions")}
      actions={(rule) => (
        <span className="hf-row-buttons">
          <RuleButton rule={rule} services={services} />
          <RemoveItemButton
            label={t("rule.remove", { id: rule.id })}
            title={t("rule.removeTitle", { id: rule.id })}
            touches={keys.ha}
            remove={() => deleteRule(rule.id)}
          >
            <p>{t("rule.removeText")}</p>
          </RemoveItemButton>
        </span>
      )}
    />
  );
}

/** The preferred ones first. */
function nodesText(rule: Rule): string {
  if (rule.kind !== "nodes") return "";
  const names = [...rule.nodes]
    .sort(([, a], [, b]) => b - a)
    .map(([node, priority]) => (priority > 0 ? t("rule.nodeAt", { node, priority }) : node))
    .join(", ");
  return rule.strict ? t("rule.onlyNodes", { nodes: names }) : names;
}

function RuleState({ rule: { disabled, error } }: { rule: Rule }) {
  if (disabled) return <Label isCompact>{t("rule.off")}</Label>;
  if (!error) return t("rule.followed");
  return (
    <>
      <Label isCompact variant="outline" status="danger">
        {t("rule.notFollowed")}
      </Label>
      <div className="hf-subtle">{error}</div>
    </>
  );
}
