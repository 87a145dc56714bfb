import { createContainer } from "../../api/guests";
import { type Limits, limits } from "../../api/limits";
import type { Field } from "../../components/FieldForm";
import { t } from "../../i18n";
import { containerParams } from "../../state/createGuest";
import { CreateModal } from "./CreateModal";
import { useChoices, useFormValues, useNodeOptions } from "./useChoices";

const LIMITS: Limits = limits["POST /nodes/{node}/lxc"] ?? {};
const DEFAULTS = { cores: "1", memory: "512", swap: "512", diskSize: "8", bridge: "vmbr0", ipMode: "dhcp" };

export default function CreateContainer({ onClose }: { onClose: () => void }) {
  const form = useFormValues();
  const nodeOptions = useNodeOptions();
  const node = form.choose("node", nodeOptions);
  const { disks, files: templates } = useChoices(node, "rootdir", "vztmpl");
  const values: Record<string, string> = {
    ...DEFAULTS,
    ...form.edited,
    node,
    vmid: form.vmid,
    storage: form.choose("storage", disks),
    template: form.choose("template", templates),
  };
  const network: Field[] = [
    { kind: "text", name: "bridge", label: t("create.bridge"), required: true },
    {
      kind: "select",
      name: "ipMode",
      label: t("createCt.ipMode"),
      options: [
        { value: "dhcp", label: t("createCt.dhcp") },
        { value: "static", label: t("createCt.static") },
      ],
    },
  ];
  if (values["ipMode"] === "static") {
    network.push(
      { kind: "text", name: "address", label: t("createCt.address"), placeholder: "192.0.2.10/24", required: true },
      { kind: "text", name: "gateway", label: t("createCt.gateway"), placeholder: "192.0.2.1" },
    );
  }
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
    {
      kind: "select",
      name: "template",
      label: t("createCt.template"),
      options: templates,
      empty: t("createCt.noTemplate"),
      help: t("createCt.templateHelp"),
      required: true,
      wide: true,
    },
    { kind: "text", name: "hostname", label: t("createCt.hostname") },
    { kind: "password", name: "password", label: t("createCt.password"), required: true },
    {
      kind: "select",
      name: "storage",
      label: t("create.storage"),
      options: disks,
      empty: t("createCt.noStorage"),
      required: true,
    },
    { kind: "number", name: "diskSize", label: t("create.diskSize"), unit: t("unit.gib"), min: 1, required: true },
    { kind: "number", name: "cores", label: t("create.cores"), min: LIMITS["cores"]?.minimum, required: true },
    {
      kind: "number",
      name: "memory",
      label: t("create.memory"),
      unit: t("unit.mib"),
      min: LIMITS["memory"]?.minimum,
      required: true,
    },
    { kind: "number", name: "swap", label: t("createCt.swap"), unit: t("unit.mib"), min: LIMITS["swap"]?.minimum },
    ...network,
    { kind: "checkbox", name: "start", label: t("create.start"), wide: true },
  ];
  return (
    <CreateModal
      topic="createContainer"
      title={t("createCt.title")}
      kind="lxc"
      fields={fields}
      values={values}
      onChange={form.change}
      create={() => createContainer(containerParams(values))}
      onClose={onClose}
    />
  );
}
