import ClusterIcon from "@patternfly/react-icons/dist/esm/icons/cluster-icon";
import { Empty } from "../../components/States";
import { t } from "../../i18n";
import { CreateClusterButton } from "./CreateClusterButton";
import { JoinClusterButton } from "./JoinClusterButton";

/** A host by itself: it can begin a cluster, or join one. */
export function NoCluster({ host }: { host: string }) {
  return (
    <Empty icon={ClusterIcon} title={t("cluster.none", { host })} text={t("cluster.noneText")}>
      <CreateClusterButton />
      <JoinClusterButton host={host} />
    </Empty>
  );
}
