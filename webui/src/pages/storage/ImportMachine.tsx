import { Alert, Modal, ModalBody, ModalHeader } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import type { ImportMachine as Machine } from "../../api/imports";
import { createVm } from "../../api/guests";
import { type Limits, limits } from "../../api/limits";
import type { Volume } from "../../api/storage";
import type { Field, Option } from "../../components/FieldForm";
import { t, tOptional } from "../../i18n";
import { bytes } from "../../state/format";
import {
  controllerFor,
  fileOf,
  hasScsi,
  importParams,
  isImage,
  LEAVE_OUT,
  machineOfImage,
  modelsFor,
} from "../../state/importMachine";
import { importQuery } from "../../state/queries";
import { Answer } from "../common/Answer";
import { HelpLink } from "../common/HelpLink";
import { useStorageOptions } from "../common/useStorageOptions";
import { CreateModal } from "../create/CreateModal";
import { useFormValues } from "../create/useChoices";

const LIMITS: Limits = limits["POST /nodes/{node}/qemu"] ?? {};

interface Props {
  node: string;
  storage: string;
  volume: Volume;
  onClose: () => void;
}

/** A virtual machine from a file: its description is read, and can be changed before it is made. */
export default function ImportMachine({ node, storage, volume, onClose }: Props) {
  const described = !isImage(volume);
  const query = useQuery({ ...importQuery(node, storage, volume.volid), enabled: described });
  const title = t("import.title", { file: volume.volid.split("/").at(-1) ?? volume.volid });
  const machine = described ? query.data : machineOfImage(volume);
  if (machine) return <ImportForm node={node} title={title} machine={machine} onClose={onClose} />;
  return (
    <Modal isOpen variant="medium" onClose={onClose} aria-labelledby="import-title">
      <ModalHeader title={title} labelId="import-title" help={<HelpLink topic="importMachine" />} />
      <ModalBody>
        <Answer query={query}>{() => null}</Answer>
      </ModalBody>
    </Modal>
  );
}

interface FormProps {
  node: string;
  title: string;
  machine: Machine;
  onClose: () => void;
}

function ImportForm({ node, title, machine, onClose }: FormProps) {
  const form = useFormValues();
  const storages = useStorageOptions(node, "images");
  const targets: Option[] = storages.length > 0 ? [...storages, { value: LEAVE_OUT, label: t("import.leaveOut") }] : [];
  const { name = "", cores = "1", memory = "2048", ostype = "other" } = machine.options;
  const values = {
    name,
    cores,
    memory,
    ostype,
    scsihw: controllerFor(form.edited["ostype"] ?? ostype),
    ...Object.fromEntries(machine.cards.map(({ key }) => [key, "vmbr0"])),
    ...Object.fromEntries(machine.cards.map(({ key, model }) => [`model.${key}`, model])),
    ...form.edited,
    ...Object.fromEntries(machine.disks.map(({ slot }) => [slot, form.choose(slot, targets)])),
    vmid: form.vmid,
  };
  return (
    <CreateModal
      topic="importMachine"
      title={title}
      kind="qemu"
      submitLabel={t("import.submit")}
      fields={importFields(machine, targets)}
      values={values}
      onChange={form.change}
      create={() => createVm(importParams(node, machine, values))}
      onClose={onClose}
    >
      {machine.warnings.map((warning) => (
        <Alert
          key={warning}
          component="p"
          variant="warning"
          isInline
          title={tOptional(`importWarning.${warning}`) ?? warning}
        />
      ))}
      {machine.disks.length === 0 && <Alert component="p" variant="warning" isInline title={t("import.noDisks")} />}
    </CreateModal>
  );
}

const plain = (values: readonly string[]): Option[] => values.map((value) => ({ value, label: value }));

function importFields(machine: Machine, targets: readonly Option[]): Field[] {
  const number = (name: string, label: string): Field & { kind: "number" } => ({
    kind: "number",
    name,
    label,
    min: LIMITS[name]?.minimum,
    max: LIMITS[name]?.maximum,
    required: true,
  });
  const systems = (LIMITS["ostype"]?.enum ?? []).map((value) => ({
    value,
    label: tOptional(`ostype.${value}`) ?? value,
  }));
  const fields: Field[] = [
    number("vmid", t("create.vmid")),
    { kind: "text", name: "name", label: t("create.name"), placeholder: t("createVm.namePlaceholder") },
    number("cores", t("create.cores")),
    { ...number("memory", t("create.memory")), unit: t("unit.mib"), min: 16 },
    { kind: "select", name: "ostype", label: t("guest.system"), options: systems },
  ];
  if (hasScsi(machine)) {
    const help = t("import.controllerHelp");
    const options = plain(LIMITS["scsihw"]?.enum ?? []);
    fields.push({ kind: "select", name: "scsihw", label: t("import.controller"), options, help });
  }
  for (const disk of machine.disks) {
    const { slot, sizeBytes } = disk;
    const words = { slot, file: fileOf(disk), size: bytes(sizeBytes) };
    const label = t(sizeBytes > 0 ? "import.diskSized" : "import.disk", words);
    fields.push({
      kind: "select",
      name: slot,
      label,
      options: targets,
      empty: t("createVm.noStorage"),
      help: t("import.diskHelp"),
      required: targets.length === 0, // nobody chose to leave it out
      wide: true,
    });
  }
  for (const { key, model } of machine.cards) {
    fields.push(
      { kind: "text", name: key, label: t("import.bridge", { key }), help: t("import.bridgeHelp") },
      { kind: "select", name: `model.${key}`, label: t("import.model", { key }), options: plain(modelsFor(model)) },
    );
  }
  fields.push({ kind: "checkbox", name: "start", label: t("create.start"), wide: true });
  return fields;
}
