import { Label } from "@patternfly/react-core";
import type { Agent } from "../../api/ha";
import { ItemList } from "../../components/ItemList";
import { t } from "../../i18n";

/** Each node's agent, which starts, stops and moves the guests there. */
export function AgentList({ agents }: { agents: readonly Agent[] }) {
  const columns = [
    { label: t("column.node"), cell: ({ node }: Agent) => node },
    {
      label: t("ha.agentState"),
      cell: ({ state, maintenance }: Agent) => (
        <span className="hf-pending">
          {state}
          {maintenance && (
            <Label isCompact variant="outline" status="warning">
              {t("ha.maintenance")}
            </Label>
          )}
        </span>
      ),
    },
    {
      label: t("ha.watchdog"),
      cell: ({ watchdog }: Agent) =>
        watchdog === "none" ? (
          <Label isCompact variant="outline" status="warning">
            {t("ha.noWatchdog")}
          </Label>
        ) : (
          watchdog
        ),
    },
  ];
  return (
    <>
      <ItemList
        title={t("ha.agents")}
        items={agents}
        error={null}
        emptyText={t("ha.noAgents")}
        columns={columns}
        keyOf={({ node }) => node}
      />
      <p className="hf-subtle">{t("ha.maintenanceHow")}</p>
    </>
  );
}
