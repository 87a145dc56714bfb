import type { Field } from "../../../components/FieldForm";
import { t } from "../../../i18n";
import { changedCard, freeKey, NET_MODELS, newCard, parseCard } from "../../../state/hardwareChange";
import { ChangeModal } from "./ChangeModal";
import { optionLabel } from "./optionLabel";
import type { Hardware } from "./types";

interface Props extends Hardware {
  /** The card to change; none: one more. */
  option?: string;
  onClose: () => void;
}

/** A network card: which bridge, which VLAN. */
export default function EditCard({ guest, config, pending, option, onClose }: Props) {
  const value = option ? (config[option] ?? "") : "";
  const card = option ? parseCard(guest.kind, value) : { model: "virtio", mac: "", bridge: "vmbr0", tag: "" };
  const key = option ?? freeKey(config, pending, "net") ?? "";
  const models = NET_MODELS.includes(card.model as (typeof NET_MODELS)[number])
    ? NET_MODELS
    : [card.model, ...NET_MODELS];
  const fields: Field[] = [
    { kind: "text", name: "bridge", label: t("create.bridge"), required: true },
    { kind: "number", name: "tag", label: t("hardware.vlan"), min: 1, max: 4094 },
  ];
  if (guest.kind === "qemu") {
    const options = models.map((model) => ({ value: model, label: model }));
    fields.push({ kind: "select", name: "model", label: t("hardware.model"), options });
  }
  return (
    <ChangeModal
      guest={guest}
      title={option ? optionLabel(option) : t("hardware.addCard")}
      submitLabel={t(option ? "save" : "add")}
      fields={fields}
      values={{ model: card.model, bridge: card.bridge, tag: card.tag }}
      fieldOf={() => "bridge"}
      change={({ model = "", bridge = "", tag = "" }) => {
        const wanted = { model, bridge: bridge.trim(), tag };
        const next = option ? changedCard(guest.kind, value, wanted) : newCard(guest.kind, key, wanted);
        return next === value ? {} : { set: { [key]: next } };
      }}
      onClose={onClose}
    />
  );
}
