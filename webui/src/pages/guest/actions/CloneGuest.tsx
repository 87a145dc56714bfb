import { useNavigate } from "react-router";
import type { GuestResource } from "../../../api/cluster";
import { limits } from "../../../api/limits";
import type { Field } from "../../../components/FieldForm";
import { FormModal } from "../../../components/FormModal";
import { t } from "../../../i18n";
import { useApp } from "../../../state/app";
import { cloneGuest, placeCloneErrors } from "../../../state/cloneGuest";
import { AsCode } from "../../common/AsCode";
import { HelpLink } from "../../common/HelpLink";
import { useStorageOptions } from "../../common/useStorageOptions";
import { useFormOrder } from "../../../state/useFormOrder";
import { useFormValues } from "../../create/useChoices";
import { urls } from "../../urls";

/** A guest of its own with the same contents. Of a template, one that shares its disks is made unless all is asked for. */
export default function CloneGuest({ guest, onClose }: { guest: GuestResource; onClose: () => void }) {
  const { watchTask } = useApp();
  const navigate = useNavigate();
  const order = useFormOrder({ place: placeCloneErrors });
  const form = useFormValues();
  const storages = useStorageOptions(guest.node, guest.kind === "qemu" ? "images" : "rootdir");
  const linked = guest.template && form.edited["full"] !== "1";
  const values = {
    vmid: form.vmid,
    name: form.edited["name"] ?? "",
    full: linked ? "" : "1",
    storage: linked ? "" : (form.edited["storage"] ?? ""),
  };
  const bounds = limits[`POST /nodes/{node}/${guest.kind}/{vmid}/clone`]?.["newid"];
  const fields: Field[] = [
    {
      kind: "number",
      name: "vmid",
      label: t("create.vmid"),
      min: bounds?.minimum,
      max: bounds?.maximum,
      required: true,
    },
    { kind: "text", name: "name", label: t(guest.kind === "qemu" ? "create.name" : "createCt.hostname") },
  ];
  if (guest.template) {
    fields.push({ kind: "checkbox", name: "full", label: t("clone.full"), help: t("clone.fullHelp"), wide: true });
  }
  if (!linked) {
    fields.push({
      kind: "select",
      name: "storage",
      label: t("clone.storage"),
      options: [{ value: "", label: t("clone.sameStorage") }, ...storages],
      wide: true,
    });
  }
  const submit = async () => {
    if (!(await order.send(fields, values, async () => watchTask(await cloneGuest(guest, values))))) return;
    onClose();
    void navigate(urls.guest({ kind: guest.kind, vmid: Number(values.vmid) }));
  };
  return (
    <FormModal
      id="clone"
      title={t("clone.title", { vmid: guest.vmid })}
      fields={fields}
      values={values}
      errors={order.errors}
      problems={order.problems}
      busy={order.busy}
      submitLabel={t("clone")}
      code={<AsCode order={() => cloneGuest(guest, values)} />}
      help={<HelpLink {...(guest.kind === "qemu" && { topic: "cloneVm" as const })} />}
      onChange={(name, value) => {
        order.changed(name);
        form.change(name, value);
      }}
      onSubmit={() => void submit()}
      onClose={onClose}
    >
      <p className="hf-break">{t("snapshot.guest", { vmid: guest.vmid, name: guest.name })}</p>
    </FormModal>
  );
}
