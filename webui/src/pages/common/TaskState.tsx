import { Icon, Spinner } from "@patternfly/react-core";
import CheckCircleIcon from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import ExclamationCircleIcon from "@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon";
import ExclamationTriangleIcon from "@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon";
import type { Task } from "../../api/tasks";
import { t } from "../../i18n";

const ICONS = {
  ok: { status: "success", Sign: CheckCircleIcon },
  warnings: { status: "warning", Sign: ExclamationTriangleIcon },
  error: { status: "danger", Sign: ExclamationCircleIcon },
} as const;

/** Icon and end word of a task; a running one turns. */
export function TaskState({ task }: { task: Task }) {
  if (task.state === "running") {
    return (
      <span className="hf-task-state">
        <Spinner size="md" aria-label={t("task.running")} />
        <span>{t("task.running")}</span>
      </span>
    );
  }
  const { status, Sign } = ICONS[task.state];
  return (
    <span className="hf-task-state">
      <Icon status={status} isInline>
        <Sign />
      </Icon>
      <span className="hf-break">{task.status}</span>
    </span>
  );
}
