import { Title } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { Link } from "react-router";
import type { StorageResource } from "../../api/cluster";
import { Empty } from "../../components/States";
import { UsageBar } from "../../components/UsageBar";
import { t } from "../../i18n";
import { bytes, fraction } from "../../state/format";
import { ResourceIcon } from "../common/ResourceIcon";
import { contentLabels } from "../storage/contentLabel";
import { urls } from "../urls";

/** The storages that a node uses, with how full they are. */
export function StorageTable({ storages }: { storages: readonly StorageResource[] }) {
  return (
    <>
      <Title headingLevel="h2" size="lg" className="hf-section-title">
        {t("storages")}
      </Title>
      {storages.length === 0 ? (
        <Empty title={t("storages.none")} />
      ) : (
        <Table variant="compact" aria-label={t("storages")} gridBreakPoint="grid-md">
          <Thead>
            <Tr>
              <Th>{t("column.name")}</Th>
              <Th>{t("storage.type")}</Th>
              <Th>{t("storage.content")}</Th>
              <Th width={30}>{t("storage.usage")}</Th>
            </Tr>
          </Thead>
          <Tbody>
            {storages.map((entry) => (
              <Tr key={entry.id}>
                <Td dataLabel={t("column.name")}>
                  <span className="hf-card-title">
                    <ResourceIcon resource={entry} />
                    <Link to={urls.storage(entry.node, entry.storage)}>{entry.storage}</Link>
                  </span>
                </Td>
                <Td dataLabel={t("storage.type")}>{entry.type}</Td>
                <Td dataLabel={t("storage.content")}>{contentLabels(entry.content)}</Td>
                <Td dataLabel={t("storage.usage")}>
                  {entry.available ? (
                    <UsageBar
                      label={entry.storage}
                      isLabelHidden
                      fraction={fraction(entry.usedBytes, entry.totalBytes)}
                      text={t("usage.of", { used: bytes(entry.usedBytes), total: bytes(entry.totalBytes) })}
                    />
                  ) : (
                    t("state.unavailable")
                  )}
                </Td>
              </Tr>
            ))}
          </Tbody>
        </Table>
      )}
    </>
  );
}
