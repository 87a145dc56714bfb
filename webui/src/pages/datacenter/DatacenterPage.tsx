import { Button, Gallery, PageSection, Title } from "@patternfly/react-core";
import UsersIcon from "@patternfly/react-icons/dist/esm/icons/users-icon";
import { Link } from "react-router";
import { Failed, Loading } from "../../components/States";
import { t } from "../../i18n";
import { errorText } from "../../state/errorText";
import { guests, nodes } from "../../state/resources";
import { GuestList } from "../common/GuestList";
import { PageHeader } from "../common/PageHeader";
import { useResources } from "../common/useResources";
import { urls } from "../urls";
import { NodeCard } from "./NodeCard";

/** The overview: how the nodes are, and all guests. */
export function DatacenterPage() {
  const { resources, loaded, error, retry } = useResources();
  return (
    <>
      <PageHeader
        above={[]}
        title={t("datacenter")}
        actions={
          <Button
            variant="secondary"
            icon={<UsersIcon />}
            component={(props: object) => <Link {...props} to={urls.access()} />}
          >
            {t("access")}
          </Button>
        }
      />
      {!loaded && (
        <PageSection isFilled>{error ? <Failed text={errorText(error)} onRetry={retry} /> : <Loading />}</PageSection>
      )}
      {loaded && (
        <>
          <PageSection>
            <Title headingLevel="h2" size="lg" className="hf-section-title">
              {t("nodes")}
            </Title>
            <Gallery hasGutter minWidths={{ default: "17rem" }} maxWidths={{ md: "28rem" }}>
              {nodes(resources).map((node) => (
                <NodeCard key={node.id} node={node} guests={guests(resources).filter((g) => g.node === node.node)} />
              ))}
            </Gallery>
          </PageSection>
          <PageSection isFilled>
            <GuestList guests={guests(resources)} showNode={nodes(resources).length > 1} />
          </PageSection>
        </>
      )}
    </>
  );
}
