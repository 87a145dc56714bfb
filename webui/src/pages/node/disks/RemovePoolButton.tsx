import TrashIcon from "@patternfly/react-icons/dist/esm/icons/trash-icon";
import { type Pool, removePool } from "../../../api/disks";
import { t } from "../../../i18n";
import { useApp } from "../../../state/app";
import { bytes } from "../../../state/format";
import { EditModal } from "../../common/EditModal";
import { OpenButton } from "../../common/OpenButton";

const TEXT = {
  directory: "diskPool.removeFolderText",
  lvm: "diskPool.removeGroupText",
  lvmthin: "diskPool.removeText",
  zfs: "diskPool.removeText",
} as const;

/** Takes apart what was made of disks, after saying what is lost. */
export function RemovePoolButton({ node, pool }: { node: string; pool: Pool }) {
  const { watchTask } = useApp();
  const { kind, name, sizeBytes, usedBytes, devices } = pool;
  return (
    <OpenButton variant="plain" icon={<TrashIcon />} label={t("diskPool.remove", { name })}>
      {(onClose) => (
        <EditModal
          id="remove-pool"
          size="small"
          isDanger
          title={t("diskPool.removeTitle", { kind: t(`diskPool.${kind}`), name })}
          submitLabel={t("diskPool.removeSubmit")}
          fields={[
            { kind: "checkbox", name: "forget", label: t("diskPool.forget"), wide: true },
            { kind: "checkbox", name: "wipe", label: t("diskPool.wipeDisks"), wide: true },
          ]}
          values={{ forget: "1", wipe: "" }}
          order={async ({ forget, wipe }) =>
            watchTask(await removePool(node, pool, { forget: forget === "1", wipe: wipe === "1" }))
          }
          onClose={onClose}
        >
          <p>{t(TEXT[kind])}</p>
          {sizeBytes !== null && usedBytes !== null && (
            <p>{t("diskPool.removeHolds", { used: bytes(usedBytes), size: bytes(sizeBytes) })}</p>
          )}
          {devices.length > 0 && <p>{t("diskPool.removeDevices", { devices: devices.join(", ") })}</p>}
        </EditModal>
      )}
    </OpenButton>
  );
}
