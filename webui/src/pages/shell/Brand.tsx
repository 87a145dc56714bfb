import { t } from "../../i18n";

/** Sign and name of the product. */
export function Brand() {
  return (
    <span className="hf-brand">
      <img src="/favicon.svg" alt="" width="28" height="28" />
      <span>{t("product")}</span>
    </span>
  );
}
