import { useQueryClient } from "@tanstack/react-query";
import { keys } from "./queryKeys";

/** Carries an order out; what is shown of the node's host is asked for again, at a refusal as well. */
export function useHostChange(node: string): (order: () => Promise<void>) => Promise<void> {
  const queryClient = useQueryClient();
  return async (order) => {
    try {
      await order();
    } finally {
      void queryClient.invalidateQueries({ queryKey: keys.node(node) });
    }
  };
}
