import { tOptional } from "../../../i18n";

/** "Network card (net0)", "Memory (MiB)"; the option's own name where the catalogue has no words for it. */
export function optionLabel(key: string): string {
  const words = tOptional(`option.${key.replace(/\d+$/, "")}`);
  if (!words) return key;
  return /\d$/.test(key) ? `${words} (${key})` : words;
}
