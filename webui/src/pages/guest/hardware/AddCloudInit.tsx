import type { Field } from "../../../components/FieldForm";
import { t } from "../../../i18n";
import { freeKey } from "../../../state/hardwareChange";
import { useStorageOptions } from "../../common/useStorageOptions";
import { ChangeModal } from "./ChangeModal";
import type { Hardware } from "./types";

const BUSES = ["ide", "sata", "scsi"] as const;

/** The drive from which a system in an image learns what it is to be. */
export default function AddCloudInit({ guest, config, pending, onClose }: Hardware & { onClose: () => void }) {
  const storages = useStorageOptions(guest.node, "images");
  const key = BUSES.map((bus) => freeKey(config, pending, bus)).find((free) => free !== null) ?? "";
  const fields: Field[] = [
    {
      kind: "select",
      name: "storage",
      label: t("create.storage"),
      options: storages,
      empty: t("createVm.noStorage"),
      help: t("cloudInit.driveHelp"),
      required: true,
      wide: true,
    },
  ];
  return (
    <ChangeModal
      topic="cloudInit"
      guest={guest}
      title={t("cloudInit.add")}
      submitLabel={t("add")}
      fields={fields}
      values={{ storage: storages[0]?.value ?? "" }}
      fieldOf={() => "storage"}
      change={({ storage = "" }) => ({ set: { [key]: `${storage}:cloudinit` } })}
      onClose={onClose}
    />
  );
}
