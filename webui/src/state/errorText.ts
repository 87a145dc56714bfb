import { ApiError } from "../api/client";
import { t } from "../i18n";

/** One text for a failed call; parameter errors are listed behind the message. */
export function errorText(error: unknown): string {
  if (error instanceof ApiError) {
    if (error.status === 0) return t("error.unreachable");
    const details = Object.entries(error.errors).map(([name, text]) => `${name}: ${text}`);
    return [error.message, ...details].join(" ");
  }
  return error instanceof Error ? error.message : String(error);
}
