import { Alert, Card, CardBody, CardHeader, CardTitle } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import type { GuestResource } from "../../api/cluster";
import { t } from "../../i18n";
import { configSections, SECTIONS } from "../../state/hardware";
import { asWanted } from "../../state/hardwareChange";
import { hardwareQuery } from "../../state/queries";
import { Answer } from "../common/Answer";
import { ConfigTable } from "./hardware/ConfigTable";
import { sectionActions } from "./hardware/SectionActions";
import type { Hardware } from "./hardware/types";

/** The guest's configuration, as the server holds it, by kind of hardware; changes that wait stand beside it. */
export function HardwareTab({ guest }: { guest: GuestResource }) {
  return <Answer query={useQuery(hardwareQuery(guest))}>{(state) => <Sections guest={guest} {...state} />}</Answer>;
}

function Sections({ guest, config, pending }: Hardware) {
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
