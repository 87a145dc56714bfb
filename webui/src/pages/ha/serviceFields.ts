import type { Service, ServiceWish } from "../../api/ha";
import type { Field, Values } from "../../components/FieldForm";
import { t } from "../../i18n";

const STATES = ["started", "stopped", "disabled", "ignored"] as const;

/** What can be wished of a guest that is looked after. */
export function serviceFields(): Field[] {
  return [
    {
      kind: "select",
      name: "state",
      label: t("ha.wish"),
      options: STATES.map((value) => ({ value, label: t(`haWish.${value}`) })),
    },
    { kind: "number", name: "maxRestart", label: t("ha.maxRestart"), help: t("ha.maxRestartHelp"), min: 0 },
    { kind: "number", name: "maxRelocate", label: t("ha.maxRelocate"), help: t("ha.maxRelocateHelp"), min: 0 },
    { kind: "text", name: "comment", label: t("user.comment") },
    { kind: "checkbox", name: "failback", label: t("ha.failback"), wide: true },
  ];
}

export function serviceValues(service: Service | null): Values {
  return {
    state: service?.wish || "started",
    maxRestart: String(service?.maxRestart ?? 1),
    maxRelocate: String(service?.maxRelocate ?? 1),
    comment: service?.comment ?? "",
    failback: (service?.failback ?? true) ? "1" : "",
  };
}

export function serviceWish({ state = "", maxRestart, maxRelocate, failback, comment = "" }: Values): ServiceWish {
  return {
    state,
    maxRestart: Number(maxRestart),
    maxRelocate: Number(maxRelocate),
    failback: failback === "1",
    comment: comment.trim(),
  };
}

/** The field of a parameter. */
export function serviceField(name: string): string {
  return { max_restart: "maxRestart", max_relocate: "maxRelocate", sid: "guest" }[name] ?? name;
}
