import { growDisk } from "../../../api/hardware";
import type { Field } from "../../../components/FieldForm";
import { t } from "../../../i18n";
import { useApp } from "../../../state/app";
import { EditModal } from "../../common/EditModal";
import { optionLabel } from "./optionLabel";
import type { Hardware } from "./types";

interface Props extends Hardware {
  option: string;
  /** As configured, e.g. `32G`. */
  size: string;
  onClose: () => void;
}

/** Disks can grow, never shrink. */
export default function GrowDisk({ guest, option, size, onClose }: Props) {
  const { watchTask } = useApp();
  const fields: Field[] = [
    {
      kind: "number",
      name: "by",
      label: t("hardware.growBy"),
      unit: t("unit.gib"),
      min: 1,
      help: t("hardware.growHelp"),
      required: true,
      wide: true,
    },
  ];
  return (
    <EditModal
      topic={guest.kind === "qemu" ? "diskOfVm" : "volumeOfContainer"}
      id="grow"
      size="small"
      title={t("hardware.grow", { option: optionLabel(option) })}
      submitLabel={t("hardware.growSubmit")}
      fields={fields}
      values={{ by: "8" }}
      fieldOf={() => "by"}
      order={async ({ by }) => watchTask(await growDisk(guest, option, Number(by)))}
      onClose={onClose}
    >
      {size && <p>{t("hardware.sizeNow", { size })}</p>}
    </EditModal>
  );
}
