import { Alert } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { createPool, type Disk, POOL_KINDS, type PoolKind, type ZfsLevel } from "../../../api/disks";
import { ApiError } from "../../../api/client";
import type { Field, Values } from "../../../components/FieldForm";
import { t } from "../../../i18n";
import { useApp } from "../../../state/app";
import { freeDisks } from "../../../state/disks";
import { bytes } from "../../../state/format";
import { disksQuery } from "../../../state/nodeQueries";
import { EditModal } from "../../common/EditModal";

const FILE_SYSTEMS = ["ext4", "xfs"] as const;
const LEVELS = ["single", "mirror", "raid10", "raidz", "raidz2", "raidz3"] as const;

/** Makes a folder, a volume group, a thin pool or a ZFS pool of free disks. */
export function CreatePool({ node, onClose }: { node: string; onClose: () => void }) {
  const { watchTask } = useApp();
  const disks = freeDisks(useQuery(disksQuery(node)).data ?? []);
  const order = async (values: Values) => {
    const devices = chosen(values, disks);
    if (devices.length === 0) throw new ApiError(400, "", { devices: t("diskPool.diskMissing") });
    watchTask(
      await createPool(node, {
        kind: values["kind"] as PoolKind,
        name: (values["name"] ?? "").trim(),
        devices,
        fileSystem: values["fileSystem"] as (typeof FILE_SYSTEMS)[number],
        level: values["level"] as ZfsLevel,
        addStorage: values["addStorage"] === "1",
      }),
    );
  };
  return (
    <EditModal
      id="pool"
      title={t("diskPool.create")}
      submitLabel={t("diskPool.createSubmit")}
      fields={(values) => fieldsFor(values, disks)}
      values={{
        kind: "zfs",
        name: "",
        device: disks[0]?.path ?? "",
        fileSystem: "ext4",
        level: disks.length > 1 ? "mirror" : "single",
        addStorage: "1",
      }}
      fieldOf={(name) => (name === "devices" ? (disks[0]?.path ?? name) : (FIELD_OF[name] ?? name))}
      order={order}
      onClose={onClose}
    >
      {disks.length === 0 ? (
        <Alert component="p" isInline variant="info" title={t("diskPool.noDisk")} />
      ) : (
        <Alert component="p" isInline variant="warning" title={t("diskPool.createText")} />
      )}
    </EditModal>
  );
}

const FIELD_OF: Readonly<Record<string, string>> = {
  raidlevel: "level",
  filesystem: "fileSystem",
  add_storage: "addStorage",
};

function chosen(values: Values, disks: readonly Disk[]): string[] {
  if (values["kind"] !== "zfs") return [values["device"] ?? ""].filter(Boolean);
  return disks.map(({ path }) => path).filter((path) => values[path] === "1");
}

function label({ path, model, sizeBytes }: Disk): string {
  return t("diskPool.disk", { path, model, size: bytes(sizeBytes) });
}

function fieldsFor({ kind }: Values, disks: readonly Disk[]): Field[] {
  const common: Field[] = [
    {
      kind: "select",
      name: "kind",
      label: t("diskPool.kind"),
      options: POOL_KINDS.map((value) => ({ value, label: t(`diskPool.${value}`) })),
    },
    { kind: "text", name: "name", label: t("diskPool.name"), required: true },
  ];
  const last: Field = { kind: "checkbox", name: "addStorage", label: t("diskPool.addStorage"), wide: true };
  if (kind === "zfs") {
    const levels = LEVELS.map((value) => ({ value, label: t(`zfsLevel.${value}`) }));
    const boxes = disks.map((disk): Field => ({ kind: "checkbox", name: disk.path, label: label(disk), wide: true }));
    return [
      ...common,
      { kind: "select", name: "level", label: t("diskPool.level"), options: levels, wide: true },
      ...boxes,
      last,
    ];
  }
  const options = disks.map((disk) => ({ value: disk.path, label: label(disk) }));
  const device: Field = {
    kind: "select",
    name: "device",
    label: t("diskPool.device"),
    options,
    empty: t("diskPool.noDisk"),
    required: true,
    wide: true,
  };
  if (kind !== "directory") return [...common, device, last];
  const systems = FILE_SYSTEMS.map((value) => ({ value, label: value }));
  return [
    ...common,
    device,
    { kind: "select", name: "fileSystem", label: t("diskPool.fileSystem"), options: systems },
    last,
  ];
}
