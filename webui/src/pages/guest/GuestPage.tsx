import { Alert, PageSection } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "react-router";
import type { GuestKind, GuestResource } from "../../api/cluster";
import { Failed, Loading } from "../../components/States";
import { t } from "../../i18n";
import { errorText } from "../../state/errorText";
import { guestStatusQuery, recentTasksQuery } from "../../state/queries";
import { findGuest } from "../../state/resources";
import { GuestState } from "../common/GuestState";
import { PageHeader } from "../common/PageHeader";
import { ResourceIcon } from "../common/ResourceIcon";
import { RouteTabs } from "../common/RouteTabs";
import { useResources } from "../common/useResources";
import { NotFoundPage } from "../notfound/NotFoundPage";
import { NodeTaskList } from "../tasks/NodeTaskList";
import { urls } from "../urls";
import { ConsoleTab } from "./ConsoleTab";
import { GuestActions } from "./GuestActions";
import { GuestSummary } from "./GuestSummary";
import { HardwareTab } from "./HardwareTab";
import { SnapshotsTab } from "./SnapshotsTab";

/** A virtual machine or a container. */
export default function GuestPage({ kind }: { kind: GuestKind }) {
  const { vmid = "", tab = "summary" } = useParams();
  const { resources, loaded, error, retry } = useResources();
  const tasks = useQuery(recentTasksQuery());
  if (!loaded) return error ? <Failed isPage text={errorText(error)} onRetry={retry} /> : <Loading />;
  const guest = findGuest(resources, Number(vmid));
  if (guest?.kind === kind) return <GuestView key={guest.id} guest={guest} tab={tab} />;
  const making = tasks.data?.some((task) => task.id === vmid && task.state === "running");
  if (making) return <Loading text={t("guest.beingCreated", { vmid })} />;
  return <NotFoundPage title={t("guest.notFound", { vmid })} text={t("guest.notFoundText")} />;
}

function GuestView({ guest, tab }: { guest: GuestResource; tab: string }) {
  const { data: status } = useQuery(guestStatusQuery(guest));
  const tabs = [
    { key: "summary", label: t("tab.summary") },
    { key: "console", label: t("tab.console") },
    { key: "hardware", label: t(guest.kind === "qemu" ? "tab.hardware" : "tab.config") },
    { key: "snapshots", label: t("tab.snapshots") },
    { key: "tasks", label: t("tab.tasks") },
  ];
  if (!tabs.some(({ key }) => key === tab)) return <NotFoundPage />;
  return (
    <>
      <PageHeader
        above={[
          { label: t("datacenter"), to: urls.datacenter },
          { label: guest.node, to: urls.node(guest.node) },
        ]}
        title={`${guest.vmid} (${guest.name})`}
        icon={<ResourceIcon resource={guest} />}
        label={<GuestState guest={guest} detail={status?.detail} />}
        actions={<GuestActions guest={guest} />}
        tabs={<RouteTabs tabs={tabs} active={tab} urlOf={(key) => urls.guest(guest, key)} />}
      />
      {!guest.known && (
        <PageSection>
          <Alert component="p" isInline variant="warning" title={t("node.offlineText", { node: guest.node })} />
        </PageSection>
      )}
      <PageSection isFilled className={tab === "console" ? "hf-console-section" : ""}>
        {tab === "summary" && <GuestSummary guest={guest} />}
        {tab === "console" && <ConsoleTab guest={guest} />}
        {tab === "hardware" && <HardwareTab guest={guest} />}
        {tab === "snapshots" && <SnapshotsTab guest={guest} />}
        {tab === "tasks" && <NodeTaskList node={guest.node} vmid={guest.vmid} />}
      </PageSection>
    </>
  );
}
