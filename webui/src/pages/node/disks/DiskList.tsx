import { Flex } from "@patternfly/react-core";
import HeartbeatIcon from "@patternfly/react-icons/dist/esm/icons/heartbeat-icon";
import { useQuery } from "@tanstack/react-query";
import type { Disk } from "../../../api/disks";
import { ItemList } from "../../../components/ItemList";
import { t } from "../../../i18n";
import { isFree, withPartitions } from "../../../state/disks";
import { errorText } from "../../../state/errorText";
import { bytes } from "../../../state/format";
import { disksQuery } from "../../../state/nodeQueries";
import { OpenButton } from "../../common/OpenButton";
import { Health } from "./Health";
import { InitDiskButton } from "./InitDiskButton";
import { SmartModal } from "./SmartModal";
import { WipeDiskButton } from "./WipeDiskButton";

interface Row {
  disk: Disk;
  partitions: Disk[];
}

/** Disks with what they are used for; partitions stand below their disk. */
export function DiskList({ node }: { node: string }) {
  const { data, error, refetch } = useQuery(disksQuery(node));
  const columns = [
    { label: t("disk.path"), cell: (row: Row) => <Lines row={row} text={({ path }) => path} /> },
    { label: t("disk.model"), cell: ({ disk }: Row) => [disk.model, disk.serial].filter(Boolean).join(" · ") },
    { label: t("disk.size"), cell: (row: Row) => <Lines row={row} text={({ sizeBytes }) => bytes(sizeBytes)} /> },
    { label: t("disk.use"), cell: (row: Row) => <Lines row={row} text={(disk) => useOf(disk, row)} /> },
    { label: t("disk.health"), cell: ({ disk }: Row) => <Health {...disk} /> },
  ];
  return (
    <ItemList
      title={t("disk.title")}
      items={data && withPartitions(data)}
      error={error ? errorText(error) : null}
      onRetry={() => void refetch()}
      emptyText={t("disk.none")}
      columns={columns}
      keyOf={({ disk }) => disk.path}
      actionsLabel={t("disk.actions")}
      actions={(row) => <Actions node={node} {...row} />}
    />
  );
}

function Lines({ row, text }: { row: Row; text: (disk: Disk) => string }) {
  return (
    <>
      {[row.disk, ...row.partitions].map((each) => (
        <div key={each.path} className={each.parent === null ? "" : "hf-subtle"}>
          {text(each)}
        </div>
      ))}
    </>
  );
}

function useOf(disk: Disk, { partitions }: Row): string {
  const use = disk.used || (disk.parent === null && isFree(disk, partitions) ? t("disk.free") : "\u00a0");
  return disk.mounted && disk.used !== "mounted" ? t("disk.mounted", { use }) : use;
}

function Actions({ node, disk, partitions }: Row & { node: string }) {
  return (
    <Flex
      gap={{ default: "gapNone" }}
      flexWrap={{ default: "nowrap" }}
      justifyContent={{ default: "justifyContentFlexEnd" }}
    >
      <OpenButton variant="plain" icon={<HeartbeatIcon />} label={t("disk.smart", { disk: disk.path })}>
        {(onClose) => <SmartModal node={node} disk={disk.path} onClose={onClose} />}
      </OpenButton>
      {isFree(disk, partitions) && !disk.gpt && <InitDiskButton node={node} disk={disk} />}
      <WipeDiskButton node={node} disk={disk} partitions={partitions} />
    </Flex>
  );
}
