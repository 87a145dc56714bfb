import { Card, CardBody, CardHeader, CardTitle, Grid, GridItem, PageSection } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { t } from "../../i18n";
import { CertificateList } from "./system/CertificateList";
import { Clock, EditZoneButton } from "./system/Clock";
import { EditHostsButton, Hosts } from "./system/Hosts";
import { EditResolverButton, Resolver } from "./system/Resolver";
import { ServiceList } from "./system/ServiceList";

/** The host below a node: clock, names, certificates, services. */
export default function SystemTab({ node }: { node: string }) {
  return (
    <>
      <PageSection>
        <Grid hasGutter>
          <Section title={t("clock.title")} action={<EditZoneButton node={node} />}>
            <Clock node={node} />
          </Section>
          <Section title={t("dns.title")} action={<EditResolverButton node={node} />}>
            <Resolver node={node} />
          </Section>
          <Section title={t("hosts.title")} action={<EditHostsButton node={node} />} isWide>
            <Hosts node={node} />
          </Section>
        </Grid>
      </PageSection>
      <PageSection>
        <CertificateList node={node} />
      </PageSection>
      <PageSection isFilled>
        <ServiceList node={node} />
      </PageSection>
    </>
  );
}

interface SectionProps {
  title: string;
  action: ReactNode;
  isWide?: boolean;
  children: ReactNode;
}

function Section({ title, action, isWide = false, children }: SectionProps) {
  return (
    <GridItem span={12} lg={isWide ? 12 : 6}>
      <Card isCompact isFullHeight>
        <CardHeader actions={{ actions: action, hasNoOffset: true }}>
          <CardTitle component="h2">{title}</CardTitle>
        </CardHeader>
        <CardBody>{children}</CardBody>
      </Card>
    </GridItem>
  );
}
