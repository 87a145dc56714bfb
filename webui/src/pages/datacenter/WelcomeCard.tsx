import { Button, Card, CardBody, CardHeader, CardTitle, PageSection } from "@patternfly/react-core";
import TimesIcon from "@patternfly/react-icons/dist/esm/icons/times-icon";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { t } from "../../i18n";
import { useApp } from "../../state/app";
import { rightsQuery } from "../../state/queries";
import { useStore } from "../../state/store";
import { urls } from "../urls";

/** The way to the first-run page; for people who may do what stands there. */
export function WelcomeCard() {
  const { welcome } = useApp();
  const closed = useStore(welcome);
  const { data: rights } = useQuery({ ...rightsQuery("/"), enabled: !closed });
  if (closed || !rights?.has("Sys.Modify")) return null;
  const close = (
    <Button variant="plain" icon={<TimesIcon />} aria-label={t("welcome.close")} onClick={() => welcome.close()} />
  );
  return (
    <PageSection>
      <Card isCompact>
        <CardHeader actions={{ actions: close, hasNoOffset: true }}>
          <CardTitle component="h2">{t("welcome.title")}</CardTitle>
        </CardHeader>
        <CardBody>
          <p>{t("welcome.cardText")}</p>
          <Link to={urls.welcome}>{t("welcome.open")}</Link>
        </CardBody>
      </Card>
    </PageSection>
  );
}
