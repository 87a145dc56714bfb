import { PageSection } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { Failed, Loading } from "../../components/States";
import { errorText } from "../../state/errorText";
import { haStatusQuery } from "../../state/clusterQueries";
import { AgentList } from "./AgentList";
import { BalanceSection } from "./BalanceSection";
import { FindingsSection } from "./FindingsSection";
import { HaState } from "./HaState";
import { IncidentList } from "./IncidentList";
import { RuleList } from "./RuleList";
import { ServiceList } from "./ServiceList";

/** What is looked after, what stands in its way, and what happened. */
export default function HaTab() {
  const { data: status, error, refetch } = useQuery(haStatusQuery());
  if (!status) return error ? <Failed text={errorText(error)} onRetry={() => void refetch()} /> : <Loading />;
  return (
    <>
      <PageSection>
        <HaState status={status} />
      </PageSection>
      <PageSection>
        <ServiceList status={status} />
      </PageSection>
      <PageSection>
        <FindingsSection any={status.services.length > 0} />
      </PageSection>
      <PageSection>
        <RuleList services={status.services} />
      </PageSection>
      <PageSection>
        <AgentList agents={status.agents} />
      </PageSection>
      <PageSection>
        <BalanceSection />
      </PageSection>
      <PageSection isFilled>
        <IncidentList />
      </PageSection>
    </>
  );
}
