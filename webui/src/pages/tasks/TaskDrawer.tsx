import { Button, Title } from "@patternfly/react-core";
import ArrowLeftIcon from "@patternfly/react-icons/dist/esm/icons/arrow-left-icon";
import ExternalLinkAltIcon from "@patternfly/react-icons/dist/esm/icons/external-link-alt-icon";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { Empty, Failed, Loading } from "../../components/States";
import { t } from "../../i18n";
import { useApp } from "../../state/app";
import { errorText } from "../../state/errorText";
import { recentTasksQuery } from "../../state/queries";
import { useStore } from "../../state/store";
import { taskTitle } from "../../state/taskTitle";
import { urls } from "../urls";
import { TaskLog } from "./TaskLog";
import { TaskTable } from "./TaskTable";
import { useTask } from "./useTask";

/** Recent tasks of all nodes, and beside them (on narrow screens: in their place) the log of the chosen one. */
export function TaskDrawer() {
  const { taskDrawer } = useApp();
  const { upid } = useStore(taskDrawer);
  const { data, error, refetch } = useQuery(recentTasksQuery());
  const select = (next: string | null) => taskDrawer.update((state) => ({ ...state, upid: next }));
  return (
    <div className="hf-drawer" data-selected={upid !== null}>
      <div className="hf-drawer-list">
        {error && !data ? <Failed text={errorText(error)} onRetry={() => void refetch()} /> : !data && <Loading />}
        {data?.length === 0 && <Empty title={t("task.none")} />}
        {data && data.length > 0 && (
          <TaskTable tasks={data} label={t("task.recent")} selected={upid} brief={upid !== null} onSelect={select} />
        )}
      </div>
      {upid !== null && (
        <div className="hf-drawer-log">
          <LogHead upid={upid} onBack={() => select(null)} />
          <TaskLog key={upid} upid={upid} />
        </div>
      )}
    </div>
  );
}

function LogHead({ upid, onBack }: { upid: string; onBack: () => void }) {
  const { task } = useTask(upid);
  return (
    <div className="hf-drawer-log-title">
      <Button variant="plain" size="sm" aria-label={t("task.back")} icon={<ArrowLeftIcon />} onClick={onBack} />
      <Title headingLevel="h2" size="md" className="hf-break">
        {task && taskTitle(task)}
      </Title>
      <Button
        variant="plain"
        size="sm"
        aria-label={t("task.openPage")}
        icon={<ExternalLinkAltIcon />}
        component={(props: object) => <Link {...props} to={urls.task(upid)} />}
      />
    </div>
  );
}
