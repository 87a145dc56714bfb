import { ActionList, ActionListItem, Label } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import type { CSSProperties } from "react";
import type { GuestResource } from "../../../api/cluster";
import type { Snapshot } from "../../../api/snapshots";
import { t } from "../../../i18n";
import { dateTime } from "../../../state/format";
import type { SnapshotRow } from "../../../state/snapshots";
import { DeleteSnapshotButton } from "./DeleteSnapshotButton";
import { DescribeSnapshotButton } from "./DescribeSnapshotButton";
import { RollBackButton } from "./RollBackButton";

/** Deeper ones would leave no room for their names on a phone. */
const DEEPEST = 8;

export function SnapshotTable({ guest, rows }: { guest: GuestResource; rows: readonly SnapshotRow[] }) {
  return (
    <Table variant="compact" aria-label={t("snapshots")} gridBreakPoint="grid-md">
      <Thead>
        <Tr>
          <Th width={30}>{t("column.name")}</Th>
          <Th>{t("snapshot.taken")}</Th>
          <Th>{t("snapshot.memory")}</Th>
          <Th width={30}>{t("snapshot.description")}</Th>
          <Th screenReaderText={t("snapshot.actions")} />
        </Tr>
      </Thead>
      <Tbody>
        {rows.map(({ depth, snapshot }) => (
          <Tr key={snapshot?.name ?? ""}>
            <Td dataLabel={t("column.name")} modifier="breakWord">
              <span className="hf-branch" style={{ "--hf-depth": Math.min(depth, DEEPEST) } as CSSProperties}>
                {depth > 0 && (
                  <span aria-hidden className="hf-subtle">
                    └
                  </span>
                )}
                {snapshot ? (
                  <span className="hf-break">{snapshot.name}</span>
                ) : (
                  <Label isCompact color="blue">
                    {t("snapshot.now")}
                  </Label>
                )}
              </span>
            </Td>
            {snapshot && <Details guest={guest} snapshot={snapshot} />}
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

function Details({ guest, snapshot }: { guest: GuestResource; snapshot: Snapshot }) {
  return (
    <>
      <Td dataLabel={t("snapshot.taken")} modifier="nowrap">
        {snapshot.takenS === null ? null : dateTime(snapshot.takenS)}
      </Td>
      <Td dataLabel={t("snapshot.memory")}>{t(snapshot.memory ? "yes" : "no")}</Td>
      <Td dataLabel={t("snapshot.description")} modifier="breakWord" className="hf-notes">
        {snapshot.description}
      </Td>
      <Td isActionCell className="hf-row-action">
        <ActionList isIconList>
          <ActionListItem>
            <RollBackButton guest={guest} snapshot={snapshot} />
          </ActionListItem>
          <ActionListItem>
            <DescribeSnapshotButton guest={guest} snapshot={snapshot} />
          </ActionListItem>
          <ActionListItem>
            <DeleteSnapshotButton guest={guest} snapshot={snapshot} />
          </ActionListItem>
        </ActionList>
      </Td>
    </>
  );
}
