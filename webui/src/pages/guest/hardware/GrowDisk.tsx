import { useState } from "react";
import { growDisk } from "../../../api/hardware";
import type { Field } from "../../../components/FieldForm";
import { FormModal } from "../../../components/FormModal";
import { t } from "../../../i18n";
import { useApp } from "../../../state/app";
import { useFormOrder } from "../../../state/useFormOrder";
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
  const form = useFormOrder({ place: (errors) => ({ fields: { by: Object.values(errors).join(" ") }, others: [] }) });
  const [by, setBy] = useState("8");
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
  const submit = async () => {
    if (await form.send(fields, { by }, async () => watchTask(await growDisk(guest, option, Number(by))))) onClose();
  };
  return (
    <FormModal
      id="grow"
      size="small"
      title={t("hardware.grow", { option: optionLabel(option) })}
      fields={fields}
      values={{ by }}
      errors={form.errors}
      problems={form.problems}
      busy={form.busy}
      submitLabel={t("hardware.growSubmit")}
      onChange={(name, value) => {
        form.changed(name);
        setBy(value);
      }}
      onSubmit={() => void submit()}
      onClose={onClose}
    >
      {size && <p>{t("hardware.sizeNow", { size })}</p>}
    </FormModal>
  );
}
