import { type QueryKey, useQueryClient } from "@tanstack/react-query";

/** Carries an order out; the cache entries that it touches are asked for again. */
export function useChange(touches: QueryKey): <T>(order: () => Promise<T>) => Promise<T> {
  const queryClient = useQueryClient();
  return async (order) => {
    const answer = await order();
    void queryClient.invalidateQueries({ queryKey: touches });
    return answer;
  };
}
