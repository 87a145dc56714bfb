import { Alert, Label, Title } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import type { Cluster, Membership } from "../../api/membership";
import { Facts } from "../../components/Facts";
import { t } from "../../i18n";
import { nodeConfigsQuery } from "../../state/clusterQueries";
import { nodesToSpare } from "../../state/quorum";
import { spareText } from "./spareText";

interface Props {
  membership: Membership;
  cluster: Cluster;
}

/** Whether it can be changed, and how much may fail before it cannot. */
export function ClusterState({ membership, cluster }: Props) {
  const { data: configs = [] } = useQuery(nodeConfigsQuery());
  const { votes, quorate } = cluster;
  const spare = nodesToSpare(membership, configs);
  const asked = membership.members.find(({ local }) => local)?.name ?? "";
  return (
    <>
      <Title headingLevel="h2" size="lg" className="hf-section-title">
        {t("cluster.state")}
      </Title>
      <div className="hf-stack">
        {!quorate && (
          <Alert component="p" variant="danger" isInline title={t("cluster.noQuorum", { node: asked })}>
            {t("cluster.noQuorumText")}
          </Alert>
        )}
        <Facts
          facts={[
            { label: t("cluster.name"), value: cluster.name },
            {
              label: t("cluster.quorum"),
              value: (
                <Label isCompact variant="outline" status={quorate ? "success" : "danger"}>
                  {t(quorate ? "cluster.quorate" : "cluster.readOnly")}
                </Label>
              ),
            },
            { label: t("cluster.margin"), value: quorate ? spareText(spare) : null },
            {
              label: t("cluster.votes"),
              value:
                votes &&
                t("cluster.votesOf", { present: votes.present, expected: votes.expected, needed: votes.needed }),
            },
            { label: t("cluster.seenBy"), value: asked },
          ]}
        />
      </div>
    </>
  );
}
