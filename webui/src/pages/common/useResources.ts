import { useQuery } from "@tanstack/react-query";
import type { Resource } from "../../api/cluster";
import { resourcesQuery } from "../../state/queries";

const NONE: readonly Resource[] = [];

/** The live list of everything; empty until `loaded`. */
export function useResources() {
  const { data, error, refetch } = useQuery(resourcesQuery());
  return { resources: data ?? NONE, loaded: data !== undefined, error, retry: () => void refetch() };
}
