import { Alert, Label, PageSection } from "@patternfly/react-core";
import { type ComponentType, lazy, Suspense } from "react";
import { useParams } from "react-router";
import type { NodeResource, Resource } from "../../api/cluster";
import { Failed, Loading } from "../../components/States";
import { t } from "../../i18n";
import "../../i18n/wholeNode";
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

/** Loaded when one is opened: most visits are to the summary. */
const HOST_TABS: Readonly<Record<string, ComponentType<{ node: string }>>> = {
  shell: lazy(() => import("./ShellTab")),
  disks: lazy(() => import("./DisksTab")),
  network: lazy(() => import("./NetworkTab")),
  system: lazy(() => import("./SystemTab")),
  updates: lazy(() => import("./UpdatesTab")),
  journal: lazy(() => import("./JournalTab")),
};

const tabs = () => [
  { key: "summary", label: t("tab.summary") },
  { key: "shell", label: t("tab.shell") },
  { key: "disks", label: t("tab.disks") },
  { key: "network", label: t("tab.network") },
  { key: "system", label: t("tab.system") },
  { key: "updates", label: t("tab.updates") },
  { key: "journal", label: t("tab.journal") },
  { key: "tasks", label: t("tab.tasks") },
];

export default function NodePage() {
  const { node: name = "", tab = "summary" } = useParams();
  const { resources, loaded, error, retry } = useResources();
  const node = nodes(resources).find((candidate) => candidate.node === name);
  if (!loaded) return error ? <Failed isPage text={errorText(error)} onRetry={retry} /> : <Loading />;
  if (!node) return <NotFoundPage title={t("node.notFound", { node: name })} />;
  if (!tabs().some(({ key }) => key === tab)) return <NotFoundPage />;
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
        tabs={<RouteTabs tabs={tabs()} active={tab} urlOf={(key) => urls.node(name, key)} />}
      />
      <TabContent key={name} node={node} tab={tab} resources={resources} />
    </>
  );
}

interface ContentProps {
  node: NodeResource;
  tab: string;
  resources: readonly Resource[];
}

function TabContent({ node, tab, resources }: ContentProps) {
  const HostTab = HOST_TABS[tab];
  if (HostTab && !node.online) {
    return (
      <PageSection isFilled>
        <Alert component="p" isInline variant="warning" title={t("node.offlineText", { node: node.node })} />
      </PageSection>
    );
  }
  if (HostTab) {
    return (
      <Suspense fallback={<Loading />}>
        <HostTab node={node.node} />
      </Suspense>
    );
  }
  if (tab === "summary") return <NodeSummary node={node} resources={resources} />;
  return (
    <PageSection isFilled>
      <NodeTaskList node={node.node} />
    </PageSection>
  );
}
