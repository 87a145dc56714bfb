import type { Field } from "../../../components/FieldForm";
import { t } from "../../../i18n";
import { asWanted, changeOf } from "../../../state/hardwareChange";
import { ChangeModal } from "./ChangeModal";
import type { Hardware } from "./types";

/** Name, start at boot, order, protection, tags. */
export default function EditOptions({ guest, config, pending, onClose }: Hardware & { onClose: () => void }) {
  const name = guest.kind === "qemu" ? "name" : "hostname";
  const wanted = asWanted(config, pending);
  const names = [name, "tags", "onboot", "protection", "startup", ...(guest.kind === "qemu" ? ["boot"] : [])];
  const text = (option: string) => wanted[option] ?? "";
  const flag = (option: string) => (text(option) === "1" ? "1" : "");
  const before = Object.fromEntries(
    names.map((option) => [option, option === "onboot" || option === "protection" ? flag(option) : text(option)]),
  );
  const fields: Field[] = [
    { kind: "text", name, label: t(guest.kind === "qemu" ? "create.name" : "createCt.hostname") },
    { kind: "text", name: "tags", label: t("guest.tags"), help: t("hardware.tagsHelp") },
    { kind: "checkbox", name: "onboot", label: t("option.onboot") },
    { kind: "checkbox", name: "protection", label: t("hardware.protection"), help: t("hardware.protectionHelp") },
    { kind: "text", name: "startup", label: t("hardware.startup"), placeholder: t("hardware.startupPlaceholder") },
  ];
  if (guest.kind === "qemu") fields.push({ kind: "text", name: "boot", label: t("option.boot") });
  return (
    <ChangeModal
      guest={guest}
      title={t("hardware.options")}
      submitLabel={t("save")}
      fields={fields}
      values={before}
      change={(values) => changeOf(before, values)}
      onClose={onClose}
    />
  );
}
