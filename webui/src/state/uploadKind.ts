import type { Uploadable } from "../api/storage";

const PACKED = /\.(gz|bz2|zst)$/;

/** The content kind that a file name suggests, or null. */
export function guessContent(fileName: string): Uploadable | null {
  const name = fileName.toLowerCase();
  if (/\.(iso|img)$/.test(name)) return "iso";
  if (/\.tar\.(gz|xz|zst|bz2)$|\.tgz$/.test(name)) return "vztmpl";
  if (/\.(ova|ovf|qcow2|raw|vmdk)$/.test(name)) return "import";
  return null;
}

/** The name of the file that an address leads to; empty where it names none. */
export function fileNameOf(url: string): string {
  try {
    const last = new URL(url).pathname.split("/").at(-1) ?? "";
    return decodeURIComponent(last);
  } catch {
    return "";
  }
}

/** A packed medium by its name without the packing, and how it is packed; another file as it is. */
export function unpacked(fileName: string): { name: string; compression: string } {
  const inner = fileName.replace(PACKED, "");
  const isMedium = inner !== fileName && guessContent(inner) === "iso";
  return isMedium
    ? { name: inner, compression: PACKED.exec(fileName)?.[1] ?? "" }
    : { name: fileName, compression: "" };
}
