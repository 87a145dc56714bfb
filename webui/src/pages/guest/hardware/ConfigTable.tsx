import { Label } from "@patternfly/react-core";
import { Table, Tbody, Td, Tr } from "@patternfly/react-table";
import { t } from "../../../i18n";
import { shownOption } from "../../../state/cloudInit";
import type { ConfigRow } from "../../../state/hardware";
import { optionLabel } from "./optionLabel";
import { RevertButton } from "./RevertButton";
import { RowActions } from "./RowActions";
import type { Hardware } from "./types";

interface Props extends Hardware {
  label: string;
  rows: readonly ConfigRow[];
}

/** Options with their values; a change that waits below the present value, as what goes and what comes. */
export function ConfigTable({ label, rows, ...hardware }: Props) {
  return (
    <Table variant="compact" borders={false} aria-label={label} gridBreakPoint="grid-md">
      <Tbody>
        {rows.map(({ key, value }) => {
          const waits = hardware.pending.find((entry) => entry.key === key);
          const present = key in hardware.config;
          const Present = waits ? "del" : "span";
          return (
            <Tr key={key}>
              <Td width={25} className="hf-option">
                {optionLabel(key)}
              </Td>
              <Td modifier="breakWord">
                {present && <Present className="hf-mono hf-notes">{shownOption(key, value)}</Present>}
                {waits && (
                  <div className="hf-pending">
                    {waits.next !== null && <ins className="hf-mono hf-notes">{shownOption(key, waits.next)}</ins>}
                    <Label isCompact color="orange">
                      {t(waits.next === null ? "hardware.willGo" : "hardware.pending")}
                    </Label>
                  </div>
                )}
              </Td>
              <Td isActionCell className="hf-row-action">
                {waits ? (
                  <RevertButton guest={hardware.guest} option={key} />
                ) : (
                  <RowActions {...hardware} option={key} value={value} />
                )}
              </Td>
            </Tr>
          );
        })}
      </Tbody>
    </Table>
  );
}
