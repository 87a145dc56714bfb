import { useQuery } from "@tanstack/react-query";
import type { Task } from "../../api/tasks";
import { recentTasksQuery, taskStatusQuery } from "../../state/queries";

/** A task, from the recent ones or, when it is older, by its own. */
export function useTask(upid: string): { task: Task | undefined; error: Error | null } {
  const recent = useQuery(recentTasksQuery());
  const listed = recent.data?.find((task) => task.upid === upid);
  const single = useQuery({ ...taskStatusQuery(upid), enabled: recent.data !== undefined && !listed });
  return { task: listed ?? single.data, error: listed ? null : single.error };
}
