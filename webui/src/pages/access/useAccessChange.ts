import { useQueryClient } from "@tanstack/react-query";
import { keys } from "../../state/queryKeys";

/** Carries an order out; whatever is shown of users, roles and permissions is asked for again. */
export function useAccessChange(): <T>(order: () => Promise<T>) => Promise<T> {
  const queryClient = useQueryClient();
  return async (order) => {
    const answer = await order();
    void queryClient.invalidateQueries({ queryKey: keys.people });
    return answer;
  };
}
