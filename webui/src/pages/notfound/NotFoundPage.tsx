import { PageSection } from "@patternfly/react-core";
import { Link } from "react-router";
import { Empty } from "../../components/States";
import { t } from "../../i18n";
import { useTitle } from "../../state/useTitle";
import { urls } from "../urls";

interface Props {
  title?: string;
  text?: string;
}

/** An address that leads nowhere, or to something that is gone. */
export function NotFoundPage({ title = t("notFound.title"), text = t("notFound.text") }: Props) {
  useTitle(title);
  return (
    <PageSection isFilled>
      <Empty isPage title={title} text={text}>
        <Link to={urls.datacenter}>{t("notFound.home")}</Link>
      </Empty>
    </PageSection>
  );
}
