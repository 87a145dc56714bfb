import { Button, SearchInput, Title, Toolbar, ToolbarContent, ToolbarItem } from "@patternfly/react-core";
import VirtualMachineIcon from "@patternfly/react-icons/dist/esm/icons/virtual-machine-icon";
import { useDeferredValue, useMemo, useState } from "react";
import type { GuestResource } from "../../api/cluster";
import { Empty } from "../../components/States";
import { t } from "../../i18n";
import { useApp } from "../../state/app";
import { guestMatches } from "../../state/resources";
import { GuestTable } from "./GuestTable";

interface Props {
  guests: readonly GuestResource[];
  showNode: boolean;
}

/** Guests with a filter; where there are none, the way to make the first one. */
export function GuestList({ guests, showNode }: Props) {
  const { createForm } = useApp();
  const [search, setSearch] = useState("");
  const wanted = useDeferredValue(search); // typing goes first
  const shown = useMemo(() => guests.filter((guest) => guestMatches(guest, wanted)), [guests, wanted]);
  if (guests.length === 0) {
    return (
      <Empty title={t("guests.none")} text={t("guests.noneText")} icon={VirtualMachineIcon}>
        <Button onClick={() => createForm.set("vm")}>{t("createVm.title")}</Button>
        <Button variant="secondary" onClick={() => createForm.set("container")}>
          {t("createCt.title")}
        </Button>
      </Empty>
    );
  }
  return (
    <>
      <Toolbar inset={{ default: "insetNone" }} className="hf-list-toolbar">
        <ToolbarContent>
          <ToolbarItem className="hf-grow">
            <Title headingLevel="h2" size="lg">
              {t("guests")}
            </Title>
          </ToolbarItem>
          <ToolbarItem>
            <SearchInput
              aria-label={t("guests.filter")}
              placeholder={t("guests.filter")}
              value={search}
              onChange={(_event, value) => setSearch(value)}
              onClear={() => setSearch("")}
            />
          </ToolbarItem>
        </ToolbarContent>
      </Toolbar>
      {shown.length === 0 ? (
        <Empty title={t("guests.noMatch")} text={t("guests.noMatchText", { search })}>
          <Button variant="link" onClick={() => setSearch("")}>
            {t("guests.clearFilter")}
          </Button>
        </Empty>
      ) : (
        <GuestTable guests={shown} showNode={showNode} />
      )}
    </>
  );
}
