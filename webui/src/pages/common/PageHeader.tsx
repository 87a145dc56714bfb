import { Breadcrumb, BreadcrumbItem, Flex, FlexItem, PageBreadcrumb, PageSection, Title } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { useTitle } from "../../state/useTitle";
import { HelpLink } from "./HelpLink";

interface Props {
  /** Links to the levels above. */
  above: readonly { label: string; to: string }[];
  title: string;
  icon?: ReactNode;
  label?: ReactNode;
  actions?: ReactNode;
  tabs?: ReactNode;
}

/** The top of every page: where it is, what it is, what can be done. */
export function PageHeader({ above, title, icon, label, actions, tabs }: Props) {
  useTitle(title);
  return (
    <>
      {above.length > 0 && (
        <PageBreadcrumb>
          <Breadcrumb>
            {above.map(({ label: text, to }) => (
              <BreadcrumbItem key={to} render={({ className }) => <Link {...{ className, to }}>{text}</Link>} />
            ))}
            <BreadcrumbItem isActive>{title}</BreadcrumbItem>
          </Breadcrumb>
        </PageBreadcrumb>
      )}
      <PageSection className="hf-header">
        <Flex
          justifyContent={{ default: "justifyContentSpaceBetween" }}
          alignItems={{ default: "alignItemsCenter" }}
          rowGap={{ default: "rowGapSm" }}
        >
          <FlexItem className="hf-header-title">
            {icon}
            <Title headingLevel="h1" size="2xl" className="hf-break">
              {title}
            </Title>
            {label}
            <HelpLink />
          </FlexItem>
          {actions && <FlexItem className="hf-header-actions">{actions}</FlexItem>}
        </Flex>
      </PageSection>
      {tabs && (
        <PageSection type="tabs" className="hf-tabs">
          {tabs}
        </PageSection>
      )}
    </>
  );
}
