import { PageSection } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { Failed, Loading } from "../../components/States";
import { errorText } from "../../state/errorText";
import { membershipQuery } from "../../state/clusterQueries";
import { ClusterState } from "./ClusterState";
import { JoinTokens } from "./JoinTokens";
import { NoCluster } from "./NoCluster";
import { NodeList } from "./NodeList";
import { WitnessState } from "./WitnessState";

/** The hosts that form the cluster, or the ways into one. */
export default function ClusterTab() {
  const { data: membership, error, refetch } = useQuery(membershipQuery());
  if (!membership) {
    return error ? <Failed text={errorText(error)} onRetry={() => void refetch()} /> : <Loading />;
  }
  if (!membership.cluster) {
    return (
      <PageSection isFilled>
        <NoCluster host={membership.members[0]?.name ?? ""} />
      </PageSection>
    );
  }
  return (
    <>
      <PageSection>
        <ClusterState membership={membership} cluster={membership.cluster} />
      </PageSection>
      <PageSection>
        <NodeList membership={membership} />
      </PageSection>
      <PageSection>
        <WitnessState membership={membership} />
      </PageSection>
      <PageSection isFilled>
        <JoinTokens />
      </PageSection>
    </>
  );
}
