/** Why a service is in its state, for people. Pure. */
import type { HaStatus, Service } from "../api/ha";
import { t } from "../i18n";
import "../i18n/whole";

type Whole = Pick<HaStatus, "quorate" | "armed">;

/** "" where the state says all: it is as it is wanted to be. */
export function serviceWhy(service: Service, { quorate, armed }: Whole): string {
  if (service.wish === "ignored") return t("haWhy.ignored");
  if (!quorate) return t("haWhy.noQuorum");
  if (armed === "disarmed" || armed === "disarming") return t("haWhy.disarmed");
  const { node, target, failedNodes, homeNode } = service;
  const failed = failedNodes.length > 0 ? t("haWhy.failedOn", { nodes: failedNodes.join(", ") }) : "";
  switch (service.state) {
    case "started":
      return homeNode ? t("haWhy.awayFrom", { node: homeNode }) : failed;
    case "starting":
      return [t("haWhy.starting", { node }), failed].filter(Boolean).join(" ");
    case "stopping":
      return t("haWhy.stopping", { node });
    case "stopped":
      return "";
    case "migrate":
    case "relocate":
      return t(`haWhy.${service.state}`, { from: node, to: target ?? "?" });
    case "fence":
      return t("haWhy.fence", { node });
    case "recovery":
      return t("haWhy.recovery", { node });
    case "error":
      return [failed, t("haWhy.error")].filter(Boolean).join(" ");
    case "queued":
    case "freeze":
    case "disabled":
    case "deleting":
      return t(`haWhy.${service.state}`);
    default: // of a later manager
      return "";
  }
}

/** How much a state is to worry about. */
export function serviceStatus({ state, wish }: Service): "success" | "warning" | "danger" | "info" | undefined {
  if (state === "error" || state === "fence" || state === "recovery") return "danger";
  if (state === "freeze") return "warning";
  if (state === "started") return "success";
  if (state === "stopped" || state === "disabled" || wish === "ignored") return undefined;
  return "info";
}
