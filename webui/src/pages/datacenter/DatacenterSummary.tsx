import { Gallery, PageSection, Title } from "@patternfly/react-core";
import { Failed, Loading } from "../../components/States";
import { t } from "../../i18n";
import { errorText } from "../../state/errorText";
import { guests, nodes } from "../../state/resources";
import { GuestList } from "../common/GuestList";
import { useResources } from "../common/useResources";
import { NodeCard } from "./NodeCard";
import { WelcomeCard } from "./WelcomeCard";

/** The overview: how the nodes are, and all guests. */
export function DatacenterSummary() {
  const { resources, loaded, error, retry } = useResources();
  if (!loaded) {
    return (
      <PageSection isFilled>{error ? <Failed text={errorText(error)} onRetry={retry} /> : <Loading />}</PageSection>
    );
  }
  return (
    <>
      {guests(resources).length === 0 && <WelcomeCard />}
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
  );
}
