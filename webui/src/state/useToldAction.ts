import { useApp } from "./app";
import { errorText } from "./errorText";
import { type TaskAction, useTaskAction } from "./useTaskAction";

/** As `useTaskAction`, for orders that ask nothing beforehand: a refusal is announced under that title. */
export function useToldAction(title: string, order: () => Promise<string | null>): Pick<TaskAction, "busy" | "run"> {
  const { toasts } = useApp();
  return useTaskAction(async () => {
    try {
      return await order();
    } catch (reason) {
      toasts.add({ variant: "danger", title, text: errorText(reason) });
      return null;
    }
  });
}
