import { Title } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useQuery } from "@tanstack/react-query";
import type { GuestResource } from "../../api/cluster";
import { Failed, Loading } from "../../components/States";
import { t, tOptional } from "../../i18n";
import { errorText } from "../../state/errorText";
import { type ConfigRow, configSections, SECTIONS } from "../../state/hardware";
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
        <section key={section}>
          <Title headingLevel="h2" size="lg" className="hf-section-title">
            {t(`hardware.${section}`)}
          </Title>
          <RowTable label={t(`hardware.${section}`)} rows={sections[section]} />
        </section>
      ))}
    </div>
  );
}

function RowTable({ label, rows }: { label: string; rows: readonly ConfigRow[] }) {
  return (
    <Table variant="compact" hasNoInset aria-label={label} gridBreakPoint="grid-md">
      <Thead>
        <Tr>
          <Th width={25}>{t("hardware.key")}</Th>
          <Th>{t("hardware.value")}</Th>
        </Tr>
      </Thead>
      <Tbody>
        {rows.map(({ key, value }) => (
          <Tr key={key}>
            <Td dataLabel={t("hardware.key")}>{labelOf(key)}</Td>
            <Td dataLabel={t("hardware.value")} modifier="breakWord" className="hf-mono">
              {value}
            </Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

/** "Network card (net0)", "Memory (MiB)"; the option's own name where the catalogue has no words for it. */
function labelOf(key: string): string {
  const words = tOptional(`option.${key.replace(/\d+$/, "")}`);
  if (!words) return key;
  return /\d$/.test(key) ? `${words} (${key})` : words;
}
