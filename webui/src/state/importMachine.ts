/** A machine from a file: what its description says, and what people make of it. Pure. */
import type { VmParams } from "../api/guests";
import type { ImportDisk, ImportMachine } from "../api/imports";
import type { Volume } from "../api/storage";
import { NET_MODELS } from "./hardwareChange";

export type Values = Readonly<Record<string, string>>;

/** Of the field of a disk: no disk is made of it. */
export const LEAVE_OUT = "";

const IMAGES = ["qcow2", "raw", "vmdk"];

/** A disk's contents without a machine around it. */
export function isImage({ content, format }: Volume): boolean {
  return content === "import" && IMAGES.includes(format);
}

/** Something that a machine can be made from. */
export function isImportable(volume: Volume): boolean {
  return isImage(volume) || (volume.content === "import" && ["ova", "ovf"].includes(volume.format));
}

/** An image says nothing of its machine: what new machines have. */
export function machineOfImage({ volid, sizeBytes }: Pick<Volume, "volid" | "sizeBytes">): ImportMachine {
  return {
    options: { ostype: "l26" },
    disks: [{ slot: "scsi0", volid, sizeBytes }],
    cards: [{ key: "net0", model: "virtio" }],
    warnings: [],
  };
}

/** The name of the file that a disk is in. */
export const fileOf = ({ volid }: ImportDisk): string => volid.split("/").at(-1) ?? volid;

/** Every Linux can work with the first; what other systems know, none can tell: the one that all emulate. */
export const controllerFor = (ostype: string): string => (ostype === "l26" ? "virtio-scsi-single" : "lsi");

export function hasScsi({ disks }: ImportMachine): boolean {
  return disks.some(({ slot }) => slot.startsWith("scsi"));
}

/** Models to choose from, with the one that the description names. */
export function modelsFor(model: string): readonly string[] {
  const known: readonly string[] = NET_MODELS;
  return known.includes(model) || model === "" ? known : [model, ...known];
}

/** The value of a drive whose contents are copied from a volume. */
export const copiedFrom = (storage: string, volid: string): string => `${storage}:0,import-from=${volid}`;

/**
 * What to send. Of `values` a disk's slot names the storage that it is copied to, a card's key its bridge (empty: no
 * card), `model.` and the key its model.
 */
export function importParams(node: string, machine: ImportMachine, values: Values): VmParams {
  const disks = machine.disks.filter(({ slot }) => (values[slot] ?? LEAVE_OUT) !== LEAVE_OUT);
  const cards = machine.cards.filter(({ key }) => values[key]);
  return {
    ...machine.options,
    node,
    vmid: Number(values["vmid"] ?? ""),
    name: values["name"] || undefined,
    cores: Number(values["cores"] ?? ""),
    memory: values["memory"] ?? "",
    ostype: values["ostype"],
    scsihw: hasScsi({ ...machine, disks }) ? values["scsihw"] : undefined,
    boot: disks.length > 0 ? `order=${disks.map(({ slot }) => slot).join(";")}` : undefined,
    ...Object.fromEntries(disks.map(({ slot, volid }) => [slot, copiedFrom(values[slot] ?? "", volid)])),
    ...Object.fromEntries(cards.map(({ key }) => [key, `${values[`model.${key}`]},bridge=${values[key]?.trim()}`])),
    start: values["start"] === "1" ? true : undefined,
  } as VmParams;
}
