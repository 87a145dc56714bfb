/** From the values of the create forms to API parameters, and from the server's parameter errors back to fields. */
import type { ContainerParams, VmParams } from "../api/guests";
import type { Storage } from "../api/storage";
import { copiedFrom } from "./importMachine";
import { placeErrors as placeErrorsBy, type PlacedErrors } from "./formErrors";

export type FormValues = Readonly<Record<string, string>>;

/** Where disks are plain files: of these the API makes raw ones unless told, of which it can take no snapshots. */
const DISKS_ARE_FILES: ReadonlySet<string> = new Set(["dir", "nfs", "cifs"]);

export const isOfFiles = (type: string): boolean => DISKS_ARE_FILES.has(type);

/** The format to ask for on one of the storages; empty: its own, which has snapshots if any has. */
export function diskFormat(storages: readonly Storage[], wanted: string): string {
  const type = storages.find(({ storage }) => storage === wanted)?.type ?? "";
  return isOfFiles(type) ? "qcow2" : "";
}

/** A new disk of so many GiB, or as large as the image whose contents it gets. */
export function diskOf({ storage = "", gib = "", image = "", format = "" }): string {
  return `${image ? copiedFrom(storage, image) : `${storage}:${gib}`}${format && `,format=${format}`}`;
}

const number = (text: string | undefined): number => Number(text ?? "");

/**
 * A Linux-ready default machine: one disk on virtio-scsi, empty or with the contents of an image, one virtio network
 * card, the ISO as a drive to boot from. `format`: of the disk, see `diskFormat`.
 */
export function vmParams(values: FormValues): VmParams {
  const iso = values["iso"] ?? "";
  return {
    node: values["node"] ?? "",
    vmid: number(values["vmid"]),
    name: values["name"] || undefined,
    cores: number(values["cores"]),
    memory: values["memory"] ?? "",
    ostype: "l26",
    scsihw: "virtio-scsi-single",
    scsi0: diskOf({ ...values, gib: values["diskSize"] }),
    ide2: iso ? `${iso},media=cdrom` : undefined,
    boot: iso ? "order=scsi0;ide2;net0" : "order=scsi0;net0",
    net0: `virtio,bridge=${values["bridge"]}`,
    start: values["start"] === "1" ? true : undefined,
  } as VmParams;
}

/** Unprivileged: the API's own default is privileged for old clients, which nobody should get by accident. */
export function containerParams(values: FormValues): ContainerParams {
  const fixed = values["ipMode"] === "static";
  const address = fixed ? `ip=${values["address"]}${values["gateway"] ? `,gw=${values["gateway"]}` : ""}` : "ip=dhcp";
  return {
    node: values["node"] ?? "",
    vmid: number(values["vmid"]),
    hostname: values["hostname"] || undefined,
    ostemplate: values["template"] ?? "",
    password: values["password"] ?? "",
    rootfs: `${values["storage"]}:${values["diskSize"]}`,
    cores: number(values["cores"]),
    memory: number(values["memory"]),
    swap: number(values["swap"]),
    net0: `name=eth0,bridge=${values["bridge"]},${address}`,
    unprivileged: true,
    start: values["start"] === "1" ? true : undefined,
  } as ContainerParams;
}

/** Parameters whose form field has another name. A text that names a part (`net0.ip`) is sent under the whole. */
const FIELD_OF: Readonly<Record<string, string>> = {
  scsi0: "diskSize",
  rootfs: "diskSize",
  ide2: "iso",
  net0: "bridge",
  ostemplate: "template",
};

/** Errors of parameters at the form's fields: those of the same name, else those above. */
export function placeErrors(errors: Readonly<Record<string, string>>, shown: readonly string[]): PlacedErrors {
  return placeErrorsBy(errors, shown, (name, text) => {
    const isAddress = name === "net0" && shown.includes("address") && /\b(ip|gw|address)/.test(text);
    return isAddress ? "address" : shown.includes(name) ? name : (FIELD_OF[name] ?? name);
  });
}

/** Storages that can take a content kind, the roomiest first. */
export function storagesFor(storages: readonly Storage[], content: string): Storage[] {
  return storages
    .filter((storage) => storage.active && storage.content.includes(content))
    .sort((a, b) => b.availableBytes - a.availableBytes);
}
