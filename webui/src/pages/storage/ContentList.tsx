import {
  ActionList,
  ActionListItem,
  Title,
  ToggleGroup,
  ToggleGroupItem,
  Toolbar,
  ToolbarContent,
  ToolbarItem,
} from "@patternfly/react-core";
import ImportIcon from "@patternfly/react-icons/dist/esm/icons/import-icon";
import { Table, Tbody, Td, Th, Thead, Tr, type TdProps } from "@patternfly/react-table";
import { useQuery } from "@tanstack/react-query";
import { lazy, useState } from "react";
import { Link } from "react-router";
import type { Volume } from "../../api/storage";
import { Empty, Failed, Loading } from "../../components/States";
import { t } from "../../i18n";
import { errorText } from "../../state/errorText";
import { bytes, dateTime } from "../../state/format";
import { isImportable } from "../../state/importMachine";
import { contentQuery } from "../../state/queries";
import { findGuest } from "../../state/resources";
import { OpenButton } from "../common/OpenButton";
import { useResources } from "../common/useResources";
import { urls } from "../urls";
import { contentLabel } from "./contentLabel";
import { DeleteVolumeButton } from "./DeleteVolumeButton";

const ImportMachine = lazy(() => import("./ImportMachine"));

const WIDE_ONLY: TdProps["visibility"] = ["hidden", "visibleOnMd"];

/** What a storage holds, with a choice of kinds where there are several. */
export function ContentList({ node, storage }: { node: string; storage: string }) {
  const { data, error, refetch } = useQuery(contentQuery(node, storage, ""));
  const [kind, setKind] = useState("");
  const kinds = [...new Set((data ?? []).map((volume) => volume.content))].sort();
  const shown = (data ?? []).filter((volume) => !kinds.includes(kind) || volume.content === kind);
  return (
    <>
      <Toolbar inset={{ default: "insetNone" }} className="hf-list-toolbar">
        <ToolbarContent>
          <ToolbarItem className="hf-grow">
            <Title headingLevel="h2" size="lg">
              {t("storage.contentTitle")}
            </Title>
          </ToolbarItem>
          {kinds.length > 1 && (
            <ToolbarItem>
              <ToggleGroup isCompact aria-label={t("storage.contentFilter")}>
                {["", ...kinds].map((name) => (
                  <ToggleGroupItem
                    key={name}
                    text={name ? contentLabel(name) : t("all")}
                    isSelected={kind === name || (name === "" && !kinds.includes(kind))}
                    onChange={() => setKind(name)}
                  />
                ))}
              </ToggleGroup>
            </ToolbarItem>
          )}
        </ToolbarContent>
      </Toolbar>
      {error && !data ? (
        <Failed text={errorText(error)} onRetry={() => void refetch()} />
      ) : !data ? (
        <Loading />
      ) : shown.length === 0 ? (
        <Empty title={t("storage.empty")} text={t("storage.emptyText")} />
      ) : (
        <VolumeTable node={node} storage={storage} volumes={shown} />
      )}
    </>
  );
}

interface TableProps {
  node: string;
  storage: string;
  volumes: readonly Volume[];
}

function VolumeTable({ node, storage, volumes }: TableProps) {
  return (
    <Table variant="compact" aria-label={t("storage.contentTitle")} gridBreakPoint="grid-md">
      <Thead>
        <Tr>
          <Th width={40}>{t("column.name")}</Th>
          <Th>{t("volume.content")}</Th>
          <Th visibility={WIDE_ONLY}>{t("volume.format")}</Th>
          <Th>{t("volume.size")}</Th>
          <Th>{t("volume.created")}</Th>
          <Th visibility={WIDE_ONLY}>{t("volume.guest")}</Th>
          <Th screenReaderText={t("volume.actions")} />
        </Tr>
      </Thead>
      <Tbody>
        {volumes.map((volume) => (
          <Tr key={volume.volid}>
            <Td dataLabel={t("column.name")} modifier="breakWord">
              {volume.volid.slice(storage.length + 1)}
            </Td>
            <Td dataLabel={t("volume.content")}>{contentLabel(volume.content)}</Td>
            <Td dataLabel={t("volume.format")} visibility={WIDE_ONLY}>
              {volume.format}
            </Td>
            <Td dataLabel={t("volume.size")} modifier="nowrap">
              {bytes(volume.sizeBytes)}
            </Td>
            <Td dataLabel={t("volume.created")} modifier="nowrap">
              {volume.createdS === null ? null : dateTime(volume.createdS)}
            </Td>
            <Td dataLabel={t("volume.guest")} visibility={WIDE_ONLY}>
              {volume.vmid !== null && <Owner vmid={volume.vmid} />}
            </Td>
            <Td isActionCell className="hf-row-action">
              <ActionList isIconList>
                {isImportable(volume) && (
                  <ActionListItem>
                    <OpenButton
                      variant="plain"
                      icon={<ImportIcon />}
                      label={t("import.open", { volume: volume.volid })}
                    >
                      {(onClose) => <ImportMachine node={node} storage={storage} volume={volume} onClose={onClose} />}
                    </OpenButton>
                  </ActionListItem>
                )}
                <ActionListItem>
                  <DeleteVolumeButton node={node} storage={storage} volume={volume} />
                </ActionListItem>
              </ActionList>
            </Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

function Owner({ vmid }: { vmid: number }) {
  const guest = findGuest(useResources().resources, vmid);
  return guest ? <Link to={urls.guest(guest)}>{vmid}</Link> : vmid;
}
