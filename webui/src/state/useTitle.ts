import { useEffect } from "react";
import { t } from "../i18n";

/** The browser tab's title while a page is shown. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · ${t("product")}` : t("product");
  }, [title]);
}
