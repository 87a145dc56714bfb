import { PageSection } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { Failed, Loading } from "../../components/States";
import { GROUPS } from "../../state/clusterOptions";
import { errorText } from "../../state/errorText";
import { optionsQuery } from "../../state/clusterQueries";
import { OptionGroupCard } from "./OptionGroupCard";

/** The cluster's options by what they are about. */
export default function OptionsTab() {
  const { data: options, error, refetch } = useQuery(optionsQuery());
  if (!options) return error ? <Failed text={errorText(error)} onRetry={() => void refetch()} /> : <Loading />;
  return (
    <PageSection isFilled>
      <div className="hf-cards">
        {GROUPS.map((group) => (
          <OptionGroupCard key={group} group={group} options={options} />
        ))}
      </div>
    </PageSection>
  );
}
