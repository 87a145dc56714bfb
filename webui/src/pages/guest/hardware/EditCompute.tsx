import { limits } from "../../../api/limits";
import type { Field } from "../../../components/FieldForm";
import { t } from "../../../i18n";
import { asWanted, changeOf } from "../../../state/hardwareChange";
import { ChangeModal } from "./ChangeModal";
import type { Hardware } from "./types";

/** Processors and memory. */
export default function EditCompute({ guest, config, pending, onClose }: Hardware & { onClose: () => void }) {
  const isVm = guest.kind === "qemu";
  const bounds = limits[`POST /nodes/{node}/${guest.kind}`] ?? {};
  const wanted = asWanted(config, pending);
  const names = isVm ? ["sockets", "cores", "memory", "balloon", "cpu"] : ["cores", "memory", "swap"];
  const before = Object.fromEntries(names.map((name) => [name, wanted[name] ?? ""]));
  const number = (name: string, label: string, unit?: string): Field => ({
    kind: "number",
    name,
    label,
    min: bounds[name]?.minimum,
    max: bounds[name]?.maximum,
    ...(unit && { unit }),
  });
  const cores = number("cores", t("option.cores"));
  const memory: Field = { ...number("memory", t("create.memory"), t("unit.mib")), required: true };
  const fields: Field[] = isVm
    ? [
        number("sockets", t("option.sockets")),
        cores,
        memory,
        { ...number("balloon", t("hardware.balloon"), t("unit.mib")), help: t("hardware.balloonHelp") },
        { kind: "text", name: "cpu", label: t("option.cpu"), wide: true },
      ]
    : [cores, memory, number("swap", t("createCt.swap"), t("unit.mib"))];
  return (
    <ChangeModal
      guest={guest}
      title={t("hardware.compute")}
      submitLabel={t("save")}
      fields={fields}
      values={before}
      change={(values) => changeOf(before, values)}
      onClose={onClose}
    />
  );
}
