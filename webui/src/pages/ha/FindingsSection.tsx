import { Button, Title } from "@patternfly/react-core";
import SyncAltIcon from "@patternfly/react-icons/dist/esm/icons/sync-alt-icon";
import { useQuery } from "@tanstack/react-query";
import { Failed, Loading } from "../../components/States";
import { t } from "../../i18n";
import { errorText } from "../../state/errorText";
import { findingsQuery } from "../../state/clusterQueries";
import { Findings } from "./Findings";

/** What would keep a lost node's guests from coming back, to be looked at before one is lost. */
export function FindingsSection({ any }: { any: boolean }) {
  const { data, error, refetch, isFetching } = useQuery(findingsQuery(""));
  return (
    <>
      <div className="hf-title-row">
        <Title headingLevel="h2" size="lg">
          {t("ha.findings")}
        </Title>
        <Button variant="link" icon={<SyncAltIcon />} isDisabled={isFetching} onClick={() => void refetch()}>
          {t("ha.checkAgain")}
        </Button>
      </div>
      {data ? (
        <Findings findings={data} none={t(any ? "ha.nothingFound" : "ha.nothingToCheck")} />
      ) : error ? (
        <Failed text={errorText(error)} onRetry={() => void refetch()} />
      ) : (
        <Loading />
      )}
    </>
  );
}
