import { Alert, Card, CardBody, CardHeader, CardTitle } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import type { GuestResource } from "../../api/cluster";
import { Failed, Loading } from "../../components/States";
import { t } from "../../i18n";
import { errorText } from "../../state/errorText";
import { configSections, SECTIONS } from "../../state/hardware";
import { asWanted } from "../../state/hardwareChange";
import { guestConfigQuery, pendingQuery } from "../../state/queries";
import { ConfigTable } from "./hardware/ConfigTable";
import { sectionActions } from "./hardware/SectionActions";

/** The guest's configuration, as the server holds it, by kind of hardware; changes that wait stand beside it. */
export function HardwareTab({ guest }: { guest: GuestResource }) {
  const { data: config, error, refetch } = useQuery(guestConfigQuery(guest));
  const { data: pending = [] } = useQuery(pendingQuery(guest));
  if (error && !config) return <Failed text={errorText(error)} onRetry={() => void refetch()} />;
  if (!config) return <Loading />;
  const hardware = { guest, config, pending };
  // An option that is new has no value yet: it stands where it will be.
  const sections = configSections({ ...asWanted(config, pending), ...config });
  return (
    <div className="hf-stack">
      {pending.length > 0 && <Alert component="p" variant="info" isInline title={t("hardware.waits")} />}
      {SECTIONS.map((section) => {
        const actions = sectionActions(section, hardware);
        if (sections[section].length === 0 && !actions) return null;
        return (
          <Card isCompact key={section}>
            <CardHeader {...(actions && { actions: { actions } })}>
              <CardTitle component="h2">{t(`hardware.${section}`)}</CardTitle>
            </CardHeader>
            {sections[section].length > 0 && (
              <CardBody>
                <ConfigTable {...hardware} label={t(`hardware.${section}`)} rows={sections[section]} />
              </CardBody>
            )}
          </Card>
        );
      })}
    </div>
  );
}
