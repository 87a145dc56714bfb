import type { Field } from "../../../components/FieldForm";
import { t } from "../../../i18n";
import { useChoices } from "../../create/useChoices";
import { ChangeModal } from "./ChangeModal";
import { optionLabel } from "./optionLabel";
import type { Hardware } from "./types";

interface Props extends Hardware {
  option: string;
  /** The volume in the drive, or "none". */
  medium: string;
  onClose: () => void;
}

/** Which disc is in a drive. */
export default function ChangeMedium({ guest, option, medium, onClose }: Props) {
  const { files } = useChoices(guest.node, "images", "iso");
  const known = files.some(({ value }) => value === medium) || medium === "none";
  const options = [
    { value: "none", label: t("hardware.noMedium") },
    ...(known ? [] : [{ value: medium, label: medium }]),
    ...files,
  ];
  const fields: Field[] = [{ kind: "select", name: "medium", label: t("createVm.iso"), options, wide: true }];
  return (
    <ChangeModal
      guest={guest}
      title={optionLabel(option)}
      submitLabel={t("save")}
      fields={fields}
      values={{ medium }}
      fieldOf={() => "medium"}
      change={(values) => (values["medium"] === medium ? {} : { set: { [option]: `${values["medium"]},media=cdrom` } })}
      onClose={onClose}
    />
  );
}
