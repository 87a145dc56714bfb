import { useQuery } from "@tanstack/react-query";
import type { Field, Values } from "../../../components/FieldForm";
import { t } from "../../../i18n";
import { diskFormat, diskOf } from "../../../state/createGuest";
import { freeKey } from "../../../state/hardwareChange";
import { storagesQuery } from "../../../state/queries";
import { useStorageOptions } from "../../common/useStorageOptions";
import { useImageField } from "../../create/useChoices";
import { ChangeModal } from "./ChangeModal";
import type { Hardware } from "./types";

const BUSES = ["scsi", "virtio", "sata", "ide"] as const;

/** A new disk of a machine, or a mount point of a container. */
export default function AddDisk({ guest, config, pending, onClose }: Hardware & { onClose: () => void }) {
  const isVm = guest.kind === "qemu";
  const storages = useStorageOptions(guest.node, isVm ? "images" : "rootdir");
  const { data: known = [] } = useQuery(storagesQuery(guest.node));
  const imageField = useImageField(isVm ? guest.node : "");
  const buses = BUSES.filter((bus) => freeKey(config, pending, bus) !== null);
  const size: Field = {
    kind: "number",
    name: "size",
    label: t("create.diskSize"),
    unit: t("unit.gib"),
    min: 1,
    required: true,
  };
  const fields = ({ image }: Values): Field[] => [
    {
      kind: "select",
      name: "storage",
      label: t("create.storage"),
      options: storages,
      empty: t(isVm ? "createVm.noStorage" : "createCt.noStorage"),
      required: true,
    },
    ...(isVm && imageField ? [imageField] : []),
    ...(image ? [] : [size]),
    isVm
      ? {
          kind: "select",
          name: "bus",
          label: t("hardware.bus"),
          options: buses.map((bus) => ({ value: bus, label: t(`option.${bus}`) })),
        }
      : { kind: "text", name: "path", label: t("hardware.mountedAt"), placeholder: "/srv", required: true },
  ];
  const change = ({ storage = "", size = "", image = "", bus = "", path = "" }: Values) => {
    const key = freeKey(config, pending, isVm ? bus : "mp") ?? "";
    const disk = () => diskOf({ storage, gib: size, image, format: diskFormat(known, storage) });
    return { set: { [key]: isVm ? disk() : `${storage}:${size},mp=${path}` } };
  };
  return (
    <ChangeModal
      topic={isVm ? "diskOfVm" : "volumeOfContainer"}
      guest={guest}
      title={t(isVm ? "hardware.addDisk" : "hardware.addMount")}
      submitLabel={t("add")}
      fields={fields}
      values={{ storage: storages[0]?.value ?? "", size: "32", image: "", bus: buses[0] ?? "", path: "" }}
      fieldOf={(option) => (option.startsWith("mp") ? "path" : "size")}
      change={change}
      onClose={onClose}
    />
  );
}
