import { Button } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { stopTask } from "../../api/tasks";
import { Failed, Loading } from "../../components/States";
import { LogView } from "../../components/LogView";
import { t } from "../../i18n";
import { useApp } from "../../state/app";
import { errorText } from "../../state/errorText";
import { taskLogQuery } from "../../state/queries";
import { taskTitle } from "../../state/taskTitle";
import { TaskState } from "../common/TaskState";
import { useTask } from "./useTask";

/** State and log of one task; grows while it runs. */
export function TaskLog({ upid }: { upid: string }) {
  const { queryClient } = useApp();
  const { task, error } = useTask(upid);
  const log = useQuery(taskLogQuery(queryClient, upid, task?.state === "running"));
  if (error) return <Failed text={errorText(error)} />;
  if (!task) return <Loading />;
  return (
    <div className="hf-task-log">
      <div className="hf-task-log-head">
        <TaskState task={task} />
        {task.state === "running" && <StopTaskButton upid={upid} />}
      </div>
      {log.error && !log.data ? (
        <Failed text={errorText(log.error)} onRetry={() => void log.refetch()} />
      ) : (
        <LogView lines={log.data ?? []} label={t("task.logOf", { task: taskTitle(task) })} />
      )}
    </div>
  );
}

function StopTaskButton({ upid }: { upid: string }) {
  const { poller, toasts } = useApp();
  const stop = async () => {
    try {
      await stopTask(upid);
      poller.kick();
    } catch (reason) {
      toasts.add({ variant: "danger", title: t("task.stopFailed"), text: errorText(reason) });
    }
  };
  return (
    <Button variant="secondary" size="sm" onClick={() => void stop()}>
      {t("task.stop")}
    </Button>
  );
}
