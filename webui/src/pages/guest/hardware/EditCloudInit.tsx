import type { Field } from "../../../components/FieldForm";
import { t } from "../../../i18n";
import { cardNumbers, cloudInitChange, cloudInitValues } from "../../../state/cloudInit";
import { asWanted } from "../../../state/hardwareChange";
import { ChangeModal } from "./ChangeModal";
import type { Hardware } from "./types";

/** What the machine is told at its first boot: who may log in, how its cards are addressed. */
export default function EditCloudInit({ guest, config, pending, onClose }: Hardware & { onClose: () => void }) {
  const wanted = asWanted(config, pending);
  const fields: Field[] = [
    { kind: "text", name: "ciuser", label: t("cloudInit.user"), help: t("cloudInit.userHelp") },
    { kind: "password", name: "cipassword", label: t("cloudInit.password"), help: t("cloudInit.passwordHelp") },
    {
      kind: "lines",
      name: "sshkeys",
      label: t("cloudInit.keys"),
      rows: 3,
      help: t("cloudInit.keysHelp"),
      wide: true,
    },
    ...cardNumbers(wanted).flatMap((n): Field[] => [
      {
        kind: "text",
        name: `address.${n}`,
        label: t("cloudInit.address", { card: `net${n}` }),
        placeholder: "192.0.2.10/24",
        help: t("cloudInit.addressHelp"),
      },
      {
        kind: "text",
        name: `gateway.${n}`,
        label: t("cloudInit.gateway", { card: `net${n}` }),
        placeholder: "192.0.2.1",
      },
    ]),
    { kind: "text", name: "nameserver", label: t("option.nameserver"), help: t("cloudInit.hostsHelp") },
    { kind: "text", name: "searchdomain", label: t("cloudInit.searchdomain"), help: t("cloudInit.hostsHelp") },
    { kind: "checkbox", name: "ciupgrade", label: t("cloudInit.upgrade"), wide: true },
  ];
  return (
    <ChangeModal
      topic="cloudInit"
      guest={guest}
      title={t("hardware.cloudinit")}
      submitLabel={t("save")}
      fields={fields}
      values={cloudInitValues(wanted)}
      fieldOf={(option) => option.replace(/^ipconfig(\d+)$/, "address.$1")}
      change={(values) => cloudInitChange(wanted, values)}
      onClose={onClose}
    />
  );
}
