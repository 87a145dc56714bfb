import TrashIcon from "@patternfly/react-icons/dist/esm/icons/trash-icon";
import { type Pool, removePool } from "../../../api/disks";
import { t } from "../../../i18n";
import { useApp } from "../../../state/app";
import { bytes } from "../../../state/format";
import { EditModal } from "../../common/EditModal";
import { OpenButton } from "../../common/OpenButton";

const TEXT = {
  directory: "pool.removeFolderText",
  lvm: "pool.removeGroupText",
  lvmthin: "pool.removeText",
  zfs: "pool.removeText",
} as const;

/** Takes apart what was made of disks, after saying what is lost. */
export function RemovePoolButton({ node, pool }: { node: string; pool: Pool }) {
  const { watchTask } = useApp();
  const { kind, name, sizeBytes, usedBytes, devices } = pool;
  return (
    <OpenButton variant="plain" icon={<TrashIcon />} label={t("pool.remove", { name })}>
      {(onClose) => (
        <EditModal
          id="remove-pool"
          size="small"
          isDanger
          title={t("pool.removeTitle", { kind: t(`pool.${kind}`), name })}
          submitLabel={t("pool.removeSubmit")}
          fields={[
            { kind: "checkbox", name: "forget", label: t("pool.forget"), wide: true },
            { kind: "checkbox", name: "wipe", label: t("pool.wipeDisks"), wide: true },
          ]}
          values={{ forget: "1", wipe: "" }}
          order={async ({ forget, wipe }) =>
            watchTask(await removePool(node, pool, { forget: forget === "1", wipe: wipe === "1" }))
          }
          onClose={onClose}
        >
          <p>{t(TEXT[kind])}</p>
          {sizeBytes !== null && usedBytes !== null && (
            <p>{t("pool.removeHolds", { used: bytes(usedBytes), size: bytes(sizeBytes) })}</p>
          )}
          {devices.length > 0 && <p>{t("pool.removeDevices", { devices: devices.join(", ") })}</p>}
        </EditModal>
      )}
    </OpenButton>
  );
}
