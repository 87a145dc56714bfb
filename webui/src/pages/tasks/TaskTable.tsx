import { Button } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr, type TdProps } from "@patternfly/react-table";
import type { Task } from "../../api/tasks";
import { t } from "../../i18n";
import { dateTime, duration } from "../../state/format";
import { taskTitle } from "../../state/taskTitle";
import { TaskState } from "../common/TaskState";

/** On a phone a task is three lines; the rest is on its page. */
const WIDE_ONLY: TdProps["visibility"] = ["hidden", "visibleOnMd"];

interface Props {
  tasks: readonly Task[];
  label: string;
  selected?: string | null;
  /** Leave out what the log beside the list says. */
  brief?: boolean;
  onSelect: (upid: string) => void;
}

export function TaskTable({ tasks, label, selected, brief = false, onSelect }: Props) {
  return (
    <Table variant="compact" aria-label={label} gridBreakPoint="grid-md" className="hf-task-table">
      <Thead>
        <Tr>
          <Th width={30}>{t("task.what")}</Th>
          <Th>{t("task.state")}</Th>
          <Th>{t("task.start")}</Th>
          {!brief && (
            <>
              <Th visibility={WIDE_ONLY}>{t("task.duration")}</Th>
              <Th visibility={WIDE_ONLY}>{t("task.node")}</Th>
              <Th visibility={WIDE_ONLY}>{t("task.user")}</Th>
            </>
          )}
        </Tr>
      </Thead>
      <Tbody>
        {tasks.map((task) => (
          <Tr key={task.upid} isRowSelected={task.upid === selected}>
            <Td dataLabel={t("task.what")} modifier="breakWord">
              <Button variant="link" isInline onClick={() => onSelect(task.upid)}>
                {taskTitle(task)}
              </Button>
            </Td>
            <Td dataLabel={t("task.state")} modifier="breakWord">
              <TaskState task={task} />
            </Td>
            <Td dataLabel={t("task.start")} modifier="nowrap">
              {dateTime(task.startS)}
            </Td>
            {!brief && (
              <>
                <Td dataLabel={t("task.duration")} modifier="nowrap" visibility={WIDE_ONLY}>
                  {task.endS === null ? "" : duration(task.endS - task.startS)}
                </Td>
                <Td dataLabel={t("task.node")} visibility={WIDE_ONLY}>
                  {task.node}
                </Td>
                <Td dataLabel={t("task.user")} visibility={WIDE_ONLY}>
                  {task.user}
                </Td>
              </>
            )}
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}
