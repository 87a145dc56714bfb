import { Label, PageSection } from "@patternfly/react-core";
import { useParams } from "react-router";
import { Failed, Loading } from "../../components/States";
import { t } from "../../i18n";
import { errorText } from "../../state/errorText";
import { nodes } from "../../state/resources";
import { PageHeader } from "../common/PageHeader";
import { ResourceIcon } from "../common/ResourceIcon";
import { RouteTabs } from "../common/RouteTabs";
import { useResources } from "../common/useResources";
import { NotFoundPage } from "../notfound/NotFoundPage";
import { NodeTaskList } from "../tasks/NodeTaskList";
import { urls } from "../urls";
import { NodeSummary } from "./NodeSummary";

export function NodePage() {
  const { node: name = "", tab = "summary" } = useParams();
  const { resources, loaded, error, retry } = useResources();
  const node = nodes(resources).find((candidate) => candidate.node === name);
  if (!loaded) return error ? <Failed text={errorText(error)} onRetry={retry} /> : <Loading />;
  if (!node) return <NotFoundPage title={t("node.notFound", { node: name })} />;
  const tabs = [
    { key: "summary", label: t("tab.summary") },
    { key: "tasks", label: t("tab.tasks") },
  ];
  if (!tabs.some(({ key }) => key === tab)) return <NotFoundPage />;
  return (
    <>
      <PageHeader
        above={[{ label: t("datacenter"), to: urls.datacenter }]}
        title={node.node}
        icon={<ResourceIcon resource={node} />}
        label={
          <Label isCompact variant="outline" status={node.online ? "success" : "danger"}>
            {t(node.online ? "state.online" : "state.offline")}
          </Label>
        }
        tabs={<RouteTabs tabs={tabs} active={tab} urlOf={(key) => urls.node(name, key)} />}
      />
      {tab === "summary" ? (
        <NodeSummary node={node} resources={resources} />
      ) : (
        <PageSection isFilled>
          <NodeTaskList node={name} />
        </PageSection>
      )}
    </>
  );
}
