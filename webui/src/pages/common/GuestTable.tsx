import { Table, Tbody, Th, Thead, Tr, type ThProps } from "@patternfly/react-table";
import { memo, useMemo, useRef, useState } from "react";
import { Link } from "react-router";
import type { GuestResource } from "../../api/cluster";
import { type RowWindow, useRowWindow } from "../../components/useRowWindow";
import { type Key, t } from "../../i18n";
import { bytes, duration, percent } from "../../state/format";
import { type GuestColumn, sortGuests } from "../../state/resources";
import { urls } from "../urls";
import { GuestState } from "./GuestState";
import { ResourceIcon } from "./ResourceIcon";

const COLUMNS: readonly GuestColumn[] = ["vmid", "name", "node", "status", "cpu", "memory", "uptime"];
const LABELS: Record<GuestColumn, Key> = {
  vmid: "column.vmid",
  name: "column.name",
  node: "column.node",
  status: "column.status",
  cpu: "column.cpu",
  memory: "column.memory",
  uptime: "column.uptime",
};

const WITHOUT_NODE = COLUMNS.filter((name) => name !== "node");
const columnsOf = (showNode: boolean) => (showNode ? COLUMNS : WITHOUT_NODE);

/** Of a row in one line. */
const ROW_PX = 41;

/** Guests, of which only those near what can be seen are drawn where there are many. */
export function GuestTable({ guests, showNode }: { guests: readonly GuestResource[]; showNode: boolean }) {
  const [column, setColumn] = useState<GuestColumn>("vmid");
  const [descending, setDescending] = useState(false);
  const columns = columnsOf(showNode);
  const sort = (index: number): ThProps["sort"] => ({
    columnIndex: index,
    sortBy: { index: columns.indexOf(column), direction: descending ? "desc" : "asc" },
    onSort: (_event, clicked, direction) => {
      setColumn(columns[clicked] ?? "vmid");
      setDescending(direction === "desc");
    },
  });
  const sorted = useMemo(() => sortGuests(guests, column, descending), [guests, column, descending]);
  const body = useRef<HTMLTableSectionElement>(null);
  const { isPart, indexes, beforePx, afterPx, measure } = useRowWindow({
    count: sorted.length,
    rowPx: ROW_PX,
    box: body,
  });
  return (
    <Table
      variant="compact"
      aria-label={t("guests")}
      gridBreakPoint="grid-md"
      {...(isPart && { "aria-rowcount": sorted.length + 1 })}
    >
      <Thead>
        <Tr>
          {columns.map((name, index) => (
            <Th key={name} sort={sort(index)} modifier="nowrap">
              {t(LABELS[name])}
            </Th>
          ))}
        </Tr>
      </Thead>
      <Tbody ref={body}>
        {beforePx > 0 && <Gap px={beforePx} />}
        {indexes.map((index) => {
          const guest = sorted[index];
          if (!guest) return null;
          return (
            <Row key={guest.id} guest={guest} index={index} showNode={showNode} isPart={isPart} measure={measure} />
          );
        })}
        {afterPx > 0 && <Gap px={afterPx} />}
      </Tbody>
    </Table>
  );
}

/** Stands for rows that are not drawn. */
function Gap({ px }: { px: number }) {
  return (
    <tr aria-hidden className="hf-gap">
      <td style={{ height: px }} />
    </tr>
  );
}

interface RowProps {
  guest: GuestResource;
  index: number;
  showNode: boolean;
  isPart: boolean;
  measure: RowWindow["measure"];
}

/**
 * Drawn anew only when its guest has changed: scrolling draws the rest. Elements with PatternFly's classes: its cells each
 * look at what is in them, and a row has seven, which cost frames and 20 MB while a long list is scrolled (measured).
 */
const Row = memo(function Row({ guest, index, showNode, isPart, measure }: RowProps) {
  return (
    <tr
      className="pf-v6-c-table__tr"
      {...(isPart && { ref: measure, "data-index": index, "aria-rowindex": index + 2 })}
    >
      {columnsOf(showNode).map((name) => (
        <td
          key={name}
          className={`pf-v6-c-table__td ${name === "name" ? "pf-m-break-word" : "pf-m-nowrap"}`}
          data-label={t(LABELS[name])}
        >
          <Cell guest={guest} column={name} />
        </td>
      ))}
    </tr>
  );
});

function Cell({ guest, column }: { guest: GuestResource; column: GuestColumn }) {
  switch (column) {
    case "vmid":
      return (
        <span className="hf-card-title">
          <ResourceIcon resource={guest} /> {guest.vmid}
        </span>
      );
    case "name":
      return <Link to={urls.guest(guest)}>{guest.name}</Link>;
    case "node":
      return <Link to={urls.node(guest.node)}>{guest.node}</Link>;
    case "status":
      return (
        <span>
          <GuestState guest={guest} />
        </span>
      );
    case "cpu":
      return guest.running ? t("usage.ofNumber", { percent: percent(guest.cpu), n: guest.maxCpu }) : null;
    case "memory":
      return guest.running
        ? t("usage.of", { used: bytes(guest.memBytes), total: bytes(guest.maxMemBytes) })
        : bytes(guest.maxMemBytes);
    case "uptime":
      return guest.running ? duration(guest.uptimeS) : null;
  }
}
