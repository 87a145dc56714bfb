import { useState } from "react";
import { useApp } from "./app";
import { errorText } from "./errorText";

export interface TaskAction {
  busy: boolean;
  /** Why the last attempt was refused, or null. */
  error: string | null;
  /** True if the server took the order. The task's own end is announced by the watcher. */
  run(): Promise<boolean>;
  reset(): void;
}

/** One order to the server that answers with a task (or with nothing where there was nothing to do). */
export function useTaskAction(order: () => Promise<string | null>): TaskAction {
  const { watchTask } = useApp();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  return {
    busy,
    error,
    reset: () => setError(null),
    run: async () => {
      setBusy(true);
      setError(null);
      try {
        const upid = await order();
        if (upid) watchTask(upid);
        return true;
      } catch (reason) {
        setError(errorText(reason));
        return false;
      } finally {
        setBusy(false);
      }
    },
  };
}
