import { Button, Spinner } from "@patternfly/react-core";
import AngleDownIcon from "@patternfly/react-icons/dist/esm/icons/angle-down-icon";
import AngleUpIcon from "@patternfly/react-icons/dist/esm/icons/angle-up-icon";
import { useQuery } from "@tanstack/react-query";
import { t, tn } from "../../i18n";
import { useApp } from "../../state/app";
import { recentTasksQuery } from "../../state/queries";
import { useStore } from "../../state/store";
import { taskTitle } from "../../state/taskTitle";
import { TaskState } from "../common/TaskState";

/** The strip at the bottom: opens the task drawer, and says what goes on while it is closed. */
export function TaskBar() {
  const { taskDrawer } = useApp();
  const { open } = useStore(taskDrawer);
  const { data: tasks = [] } = useQuery(recentTasksQuery());
  const running = tasks.filter((task) => task.state === "running").length;
  const latest = tasks[0];
  return (
    <footer className="hf-taskbar">
      <Button
        variant="plain"
        className="hf-taskbar-toggle"
        aria-expanded={open}
        aria-controls="task-drawer"
        icon={open ? <AngleDownIcon /> : <AngleUpIcon />}
        onClick={() => taskDrawer.update((state) => ({ ...state, open: !state.open }))}
      >
        {t("task.tasks")}
      </Button>
      {running > 0 && (
        <span className="hf-taskbar-running">
          <Spinner size="sm" aria-hidden /> {tn("task.runningCount", running)}
        </span>
      )}
      {!open && latest && (
        <button
          type="button"
          className="hf-taskbar-latest"
          onClick={() => taskDrawer.set({ open: true, upid: latest.upid })}
        >
          <span className="hf-taskbar-name">{taskTitle(latest)}</span>
          <TaskState task={latest} />
        </button>
      )}
    </footer>
  );
}
