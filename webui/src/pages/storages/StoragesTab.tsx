import { Label, PageSection } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { forgetStorage, type StorageConfig } from "../../api/storageConfigs";
import { t, tOptional } from "../../i18n";
import { keys } from "../../state/queryKeys";
import { storageConfigsQuery } from "../../state/storageQueries";
import { placeOf, STORAGE_TYPES } from "../../state/storageTypes";
import { QueryList } from "../common/QueryList";
import { RemoveItemButton } from "../common/RemoveItemButton";
import { contentLabels } from "../storage/contentLabel";
import { AddStorageButton, EditStorageButton } from "./StorageForm";
import { SwitchStorageButton } from "./SwitchStorageButton";

/** The storages that the cluster knows: added, changed, switched off, forgotten. */
export default function StoragesTab() {
  const columns = [
    { label: t("column.name"), cell: ({ storage }: StorageConfig) => storage },
    { label: t("storage.type"), cell: ({ type }: StorageConfig) => tOptional(`storageType.${type}`) ?? type },
    {
      label: t("storages.place"),
      cell: (config: StorageConfig) => <span className="hf-mono hf-break">{placeOf(config)}</span>,
    },
    { label: t("storage.content"), cell: ({ content }: StorageConfig) => contentLabels(content), wideOnly: true },
    {
      label: t("nodes"),
      cell: ({ nodes }: StorageConfig) => nodes.join(", ") || t("storages.everywhere"),
      wideOnly: true,
    },
    { label: t("column.status"), cell: (config: StorageConfig) => <State config={config} />, short: true },
  ];
  return (
    <PageSection isFilled>
      <QueryList
        title={t("storages")}
        action={<AddStorageButton />}
        query={useQuery(storageConfigsQuery())}
        emptyText={t("storages.empty")}
        columns={columns}
        keyOf={({ storage }) => storage}
        actionsLabel={t("volume.actions")}
        actions={(config) => (
          <span className="hf-row-buttons">
            {config.type in STORAGE_TYPES && <SwitchStorageButton config={config} />}
            {config.type in STORAGE_TYPES && <EditStorageButton config={config} />}
            <RemoveItemButton
              label={t("storages.forget", { storage: config.storage })}
              title={t("storages.forgetTitle", { storage: config.storage })}
              confirmLabel={t("storages.forgetSubmit")}
              touches={keys.allStorage}
              remove={() => forgetStorage(config.storage)}
            >
              <p>{t("storages.forgetText")}</p>
            </RemoveItemButton>
          </span>
        )}
      />
    </PageSection>
  );
}

function State({ config: { type, enabled } }: { config: StorageConfig }) {
  if (!(type in STORAGE_TYPES)) {
    return (
      <Label isCompact variant="outline" status="warning">
        {t("storages.noDriver")}
      </Label>
    );
  }
  return (
    <Label isCompact variant="outline" {...(enabled && { status: "success" as const })}>
      {t(enabled ? "storages.on" : "storages.off")}
    </Label>
  );
}
