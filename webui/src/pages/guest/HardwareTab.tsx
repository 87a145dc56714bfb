import { Card, CardBody, CardTitle } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import type { GuestResource } from "../../api/cluster";
import { Facts } from "../../components/Facts";
import { Failed, Loading } from "../../components/States";
import { t, tOptional } from "../../i18n";
import { errorText } from "../../state/errorText";
import { configSections, SECTIONS } from "../../state/hardware";
import { guestConfigQuery } from "../../state/queries";

/** The guest's configuration, as the server holds it, by kind of hardware. */
export function HardwareTab({ guest }: { guest: GuestResource }) {
  const { data, error, refetch } = useQuery(guestConfigQuery(guest));
  if (error && !data) return <Failed text={errorText(error)} onRetry={() => void refetch()} />;
  if (!data) return <Loading />;
  const sections = configSections(data);
  return (
    <div className="hf-stack">
      {SECTIONS.filter((section) => sections[section].length > 0).map((section) => (
        <Card isCompact key={section}>
          <CardTitle component="h2">{t(`hardware.${section}`)}</CardTitle>
          <CardBody>
            <Facts
              facts={sections[section].map(({ key, value }) => ({
                label: labelOf(key),
                value: <span className="hf-mono">{value}</span>,
              }))}
            />
          </CardBody>
        </Card>
      ))}
    </div>
  );
}

/** "Network card (net0)", "Memory (MiB)"; the option's own name where the catalogue has no words for it. */
function labelOf(key: string): string {
  const words = tOptional(`option.${key.replace(/\d+$/, "")}`);
  if (!words) return key;
  return /\d$/.test(key) ? `${words} (${key})` : words;
}
