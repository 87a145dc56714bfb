import PlusIcon from "@patternfly/react-icons/dist/esm/icons/plus-icon";
import { Label } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import type { Pool } from "../../../api/disks";
import { UsageBar } from "../../../components/UsageBar";
import { t } from "../../../i18n";
import { bytes, fraction } from "../../../state/format";
import { diskPoolsQuery } from "../../../state/nodeQueries";
import { OpenButton } from "../../common/OpenButton";
import { QueryList } from "../../common/QueryList";
import { CreatePool } from "./CreatePool";
import { RemovePoolButton } from "./RemovePoolButton";

const columns = () => [
  { label: t("diskPool.name"), cell: (pool: Pool) => nameOf(pool) },
  { label: t("diskPool.kind"), cell: ({ kind }: Pool) => t(`diskPool.${kind}`) },
  { label: t("diskPool.usage"), cell: (pool: Pool) => <Usage pool={pool} /> },
  { label: t("diskPool.devices"), cell: ({ devices }: Pool) => devices.join(", "), wideOnly: true },
];

function nameOf({ name, group }: Pool): string {
  return group === null ? name : t("diskPool.inGroup", { name, group });
}

/** Folders, volume groups and pools that disks of this node were made into. */
export function PoolList({ node }: { node: string }) {
  return (
    <QueryList
      title={t("diskPool.title")}
      action={
        <OpenButton variant="secondary" icon={<PlusIcon />} label={t("diskPool.create")}>
          {(onClose) => <CreatePool node={node} onClose={onClose} />}
        </OpenButton>
      }
      query={useQuery(diskPoolsQuery(node))}
      emptyText={t("diskPool.none")}
      columns={columns()}
      keyOf={({ kind, group, name }) => `${kind}/${group}/${name}`}
      actionsLabel={t("diskPool.actions")}
      actions={(pool) => <RemovePoolButton node={node} pool={pool} />}
    />
  );
}

function Usage({ pool }: { pool: Pool }) {
  const { sizeBytes, usedBytes, health } = pool;
  const isWell = health === "" || health === "ONLINE";
  return (
    <>
      {!isWell && (
        <Label isCompact status="danger" variant="outline">
          {health}
        </Label>
      )}
      {sizeBytes !== null && usedBytes !== null && (
        <UsageBar
          label={nameOf(pool)}
          isLabelHidden
          fraction={fraction(usedBytes, sizeBytes)}
          text={t("usage.of", { used: bytes(usedBytes), total: bytes(sizeBytes) })}
        />
      )}
    </>
  );
}
