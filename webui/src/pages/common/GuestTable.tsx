import { Table, Tbody, Td, Th, Thead, Tr, type ThProps } from "@patternfly/react-table";
import { useState } from "react";
import { Link } from "react-router";
import type { GuestResource } from "../../api/cluster";
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

export function GuestTable({ guests, showNode }: { guests: readonly GuestResource[]; showNode: boolean }) {
  const [column, setColumn] = useState<GuestColumn>("vmid");
  const [descending, setDescending] = useState(false);
  const columns = COLUMNS.filter((name) => showNode || name !== "node");
  const sort = (index: number): ThProps["sort"] => ({
    columnIndex: index,
    sortBy: { index: columns.indexOf(column), direction: descending ? "desc" : "asc" },
    onSort: (_event, clicked, direction) => {
      setColumn(columns[clicked] ?? "vmid");
      setDescending(direction === "desc");
    },
  });
  return (
    <Table variant="compact" aria-label={t("guests")} gridBreakPoint="grid-md">
      <Thead>
        <Tr>
          {columns.map((name, index) => (
            <Th key={name} sort={sort(index)} modifier="nowrap">
              {t(LABELS[name])}
            </Th>
          ))}
        </Tr>
      </Thead>
      <Tbody>
        {sortGuests(guests, column, descending).map((guest) => (
          <Tr key={guest.id}>
            {columns.map((name) => (
              <Td key={name} dataLabel={t(LABELS[name])} modifier={name === "name" ? "breakWord" : "nowrap"}>
                <Cell guest={guest} column={name} />
              </Td>
            ))}
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

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
