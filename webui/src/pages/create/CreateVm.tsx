import { useQuery } from "@tanstack/react-query";
import { createVm } from "../../api/guests";
import { type Limits, limits } from "../../api/limits";
import type { Field } from "../../components/FieldForm";
import { t } from "../../i18n";
import { diskFormat, vmParams } from "../../state/createGuest";
import { storagesQuery } from "../../state/queries";
import { CreateModal } from "./CreateModal";
import { useChoices, useFormValues, useImageField, useNodeOptions } from "./useChoices";

const LIMITS: Limits = limits["POST /nodes/{node}/qemu"] ?? {};
const DEFAULTS = { cores: "1", memory: "2048", diskSize: "32", bridge: "vmbr0" };

export default function CreateVm({ onClose }: { onClose: () => void }) {
  const form = useFormValues();
  const nodeOptions = useNodeOptions();
  const node = form.choose("node", nodeOptions);
  const { data: storages = [] } = useQuery(storagesQuery(node));
  const { disks, files } = useChoices(node, "images", "iso");
  const imageField = useImageField(node);
  const isoOptions = [{ value: "", label: t("createVm.noIso") }, ...files];
  const values = {
    ...DEFAULTS,
    ...form.edited,
    node,
    vmid: form.vmid,
    storage: form.choose("storage", disks),
    iso: form.choose("iso", isoOptions),
    image: form.choose("image", imageField?.options ?? []),
  };
  const diskSize: Field = {
    kind: "number",
    name: "diskSize",
    label: t("create.diskSize"),
    unit: t("unit.gib"),
    min: 1,
    required: true,
  };
  const fields: Field[] = [
    { kind: "select", name: "node", label: t("create.node"), options: nodeOptions, required: true },
    {
      kind: "number",
      name: "vmid",
      label: t("create.vmid"),
      min: LIMITS["vmid"]?.minimum,
      max: LIMITS["vmid"]?.maximum,
      required: true,
    },
    { kind: "text", name: "name", label: t("create.name"), placeholder: t("createVm.namePlaceholder"), wide: true },
    { kind: "number", name: "cores", label: t("create.cores"), min: LIMITS["cores"]?.minimum, required: true },
    { kind: "number", name: "memory", label: t("create.memory"), unit: t("unit.mib"), min: 16, required: true },
    {
      kind: "select",
      name: "storage",
      label: t("create.storage"),
      options: disks,
      empty: t("createVm.noStorage"),
      required: true,
    },
    ...(imageField ? [imageField] : []),
    ...(values.image ? [] : [diskSize]),
    { kind: "select", name: "iso", label: t("createVm.iso"), options: isoOptions },
    { kind: "text", name: "bridge", label: t("create.bridge"), required: true },
    { kind: "checkbox", name: "start", label: t("create.start"), wide: true },
  ];
  return (
    <CreateModal
      topic="createVm"
      title={t("createVm.title")}
      kind="qemu"
      fields={fields}
      values={values}
      onChange={form.change}
      create={() => createVm(vmParams({ ...values, format: diskFormat(storages, values.storage) }))}
      onClose={onClose}
    />
  );
}
