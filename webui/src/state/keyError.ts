import { t } from "../i18n";
import { errorText } from "./errorText";

/** Why a security key did not answer, in words; the browser's own are for programmers. */
export function keyErrorText(error: unknown): string {
  if (!(error instanceof DOMException)) return errorText(error);
  switch (error.name) {
    case "NotAllowedError":
    case "AbortError":
      return t("key.cancelled");
    case "InvalidStateError":
      return t("key.known");
    case "SecurityError":
      return t("key.otherName", { name: location.hostname });
    default:
      return t("key.failed", { reason: error.message });
  }
}
