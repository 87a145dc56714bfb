import { Pagination } from "@patternfly/react-core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import { Empty, Failed, Loading } from "../../components/States";
import { t } from "../../i18n";
import { errorText } from "../../state/errorText";
import { nodeTasksQuery } from "../../state/queries";
import { urls } from "../urls";
import { TaskTable } from "./TaskTable";

const PAGE = 25;

/** A node's task history, all or of one guest, page by page. */
export function NodeTaskList({ node, vmid }: { node: string; vmid?: number }) {
  const navigate = useNavigate();
  const [page, setPage] = useState(1);
  const query = { start: (page - 1) * PAGE, limit: PAGE, ...(vmid !== undefined && { vmid }) };
  const { data, error, refetch } = useQuery({ ...nodeTasksQuery(node, query), placeholderData: keepPreviousData });
  if (error && !data) return <Failed text={errorText(error)} onRetry={() => void refetch()} />;
  if (!data) return <Loading />;
  if (data.total === 0) return <Empty title={t("task.none")} />;
  return (
    <>
      <TaskTable tasks={data.tasks} label={t("task.history")} onSelect={(upid) => void navigate(urls.task(upid))} />
      {data.total > PAGE && (
        <Pagination
          itemCount={data.total}
          perPage={PAGE}
          perPageOptions={[]}
          page={page}
          onSetPage={(_event, next) => setPage(next)}
          variant="bottom"
        />
      )}
    </>
  );
}
