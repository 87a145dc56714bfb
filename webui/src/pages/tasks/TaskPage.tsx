import { PageSection } from "@patternfly/react-core";
import { useParams } from "react-router";
import { parseUpid } from "../../api/upid";
import { Facts } from "../../components/Facts";
import { t } from "../../i18n";
import { dateTime, duration } from "../../state/format";
import { taskTitle } from "../../state/taskTitle";
import { PageHeader } from "../common/PageHeader";
import { NotFoundPage } from "../notfound/NotFoundPage";
import { urls } from "../urls";
import { TaskLog } from "./TaskLog";
import { useTask } from "./useTask";

/** One task with its whole log, at an address that can be passed on. */
export default function TaskPage() {
  const { upid = "" } = useParams();
  const parsed = parseUpid(upid);
  return parsed ? <TaskView upid={upid} node={parsed.node} title={taskTitle(parsed)} /> : <NotFoundPage />;
}

function TaskView({ upid, node, title }: { upid: string; node: string; title: string }) {
  const { task } = useTask(upid);
  return (
    <>
      <PageHeader
        above={[
          { label: t("datacenter"), to: urls.datacenter },
          { label: node, to: urls.node(node, "tasks") },
        ]}
        title={title}
      />
      <PageSection>
        {task && (
          <Facts
            facts={[
              { label: t("task.start"), value: dateTime(task.startS) },
              { label: t("task.duration"), value: task.endS === null ? "" : duration(task.endS - task.startS) },
              { label: t("task.user"), value: task.user },
            ]}
          />
        )}
      </PageSection>
      <PageSection isFilled>
        <TaskLog upid={upid} />
      </PageSection>
    </>
  );
}
