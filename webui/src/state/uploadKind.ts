import type { Uploadable } from "../api/storage";

/** The content kind that a file name suggests, or null. */
export function guessContent(fileName: string): Uploadable | null {
  const name = fileName.toLowerCase();
  if (/\.(iso|img)$/.test(name)) return "iso";
  if (/\.tar\.(gz|xz|zst|bz2)$|\.tgz$/.test(name)) return "vztmpl";
  if (/\.(ova|ovf|qcow2|raw|vmdk)$/.test(name)) return "import";
  return null;
}
