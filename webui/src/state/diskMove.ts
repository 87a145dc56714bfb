/** Where a disk can go, and what stands in its way. Pure. */
import type { GuestResource } from "../api/cluster";
import type { Storage } from "../api/storage";
import { isOfFiles, storagesFor } from "./createGuest";

/** Devices that hold a volume which can be on another storage; drives with removable media are told by their value. */
const MOVABLE = /^(ide|sata|scsi|virtio|efidisk|tpmstate|mp|unused)\d+$|^rootfs$/;
/** The machine has these open in a way that a copy cannot follow. */
const ONLY_WHILE_OFF = /^(efidisk|tpmstate)\d+$/;

export const isMovable = (option: string): boolean => MOVABLE.test(option);

export const storageOf = (volid: string): string => volid.slice(0, volid.indexOf(":"));

/**
 * The storages that can take a disk, the roomiest first. Its own is among them where disks are files: there a machine's
 * disk can get another format.
 */
export function moveTargets(
  guest: Pick<GuestResource, "kind">,
  storages: readonly Storage[],
  volid: string,
): Storage[] {
  const isVm = guest.kind === "qemu";
  const own = storageOf(volid);
  return storagesFor(storages, isVm ? "images" : "rootdir")
    .filter(({ storage, type }) => storage !== own || (isVm && isOfFiles(type)))
    .sort((a, b) => Number(a.storage === own) - Number(b.storage === own));
}

/** Must the guest be off for it? Volumes of containers are copied as files, which must stand still. */
export function mustBeOff({ kind, running }: Pick<GuestResource, "kind" | "running">, option: string): boolean {
  if (!running || option.startsWith("unused")) return false;
  return kind === "lxc" || ONLY_WHILE_OFF.test(option);
}
