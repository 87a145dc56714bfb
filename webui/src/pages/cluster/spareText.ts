import { t, tn } from "../../i18n";

/** How many more nodes may fail, in words; null: nobody knows. */
export function spareText(spare: number | null): string {
  if (spare === null) return t("cluster.spareUnknown");
  return spare === 0 ? t("cluster.spareNone") : tn("cluster.spare", spare);
}
