import { Button, Gallery, PageSection } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "react-router";
import { Failed, Loading } from "../../components/States";
import { t } from "../../i18n";
import "../../i18n/wholeWelcome";
import { useApp } from "../../state/app";
import { membershipQuery } from "../../state/clusterQueries";
import { errorText } from "../../state/errorText";
import { nodes } from "../../state/resources";
import { PageHeader } from "../common/PageHeader";
import { useResources } from "../common/useResources";
import { urls } from "../urls";
import { ClusterStep } from "./ClusterStep";
import { NetworkStep } from "./NetworkStep";
import { StorageStep } from "./StorageStep";
import { UpdatesStep } from "./UpdatesStep";

/** What a new host has, and what is usually done next. */
export default function WelcomePage() {
  const { welcome } = useApp();
  const navigate = useNavigate();
  const { resources, loaded, error, retry } = useResources();
  const { data: membership, isPending } = useQuery(membershipQuery());
  const node = membership?.members.find(({ local }) => local)?.name ?? nodes(resources)[0]?.node;
  if (!loaded || isPending || node === undefined) {
    return (
      <PageSection isFilled>{error ? <Failed text={errorText(error)} onRetry={retry} /> : <Loading />}</PageSection>
    );
  }
  const close = () => {
    welcome.close();
    void navigate(urls.datacenter);
  };
  return (
    <>
      <PageHeader
        above={[{ label: t("datacenter"), to: urls.datacenter }]}
        title={t("welcome.title")}
        actions={
          <Button variant="secondary" onClick={close}>
            {t("welcome.done")}
          </Button>
        }
      />
      <PageSection isFilled>
        <div className="hf-stack">
          <p className="hf-prose">{t("welcome.text", { node })}</p>
          <Gallery hasGutter minWidths={{ default: "100%", md: "24rem" }}>
            <StorageStep node={node} />
            <NetworkStep node={node} />
            <UpdatesStep node={node} />
            <ClusterStep node={node} />
          </Gallery>
        </div>
      </PageSection>
    </>
  );
}
