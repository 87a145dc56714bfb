import { useQuery } from "@tanstack/react-query";
import type { Membership } from "../../api/membership";
import { t, tn } from "../../i18n";
import { membershipQuery } from "../../state/clusterQueries";
import { Answer } from "../common/Answer";
import { urls } from "../urls";
import { Next, Step } from "./Step";

export function ClusterStep({ node }: { node: string }) {
  return (
    <Step title={t("welcome.cluster")} text={t("welcome.clusterText")}>
      <Answer query={useQuery(membershipQuery())}>{(membership) => <Found node={node} {...membership} />}</Answer>
    </Step>
  );
}

function Found({ node, cluster, members }: Membership & { node: string }) {
  return (
    <>
      <p>
        {cluster
          ? tn("welcome.clusterHas", members.length, { node, name: cluster.name })
          : t("welcome.clusterNone", { node })}
      </p>
      <Next
        text={t(cluster ? "welcome.useMembers" : "welcome.useCluster")}
        links={[{ label: t("welcome.toCluster"), to: urls.datacenterTab("cluster") }]}
      />
    </>
  );
}
