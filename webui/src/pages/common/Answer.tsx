import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Failed, Loading } from "../../components/States";
import { errorText } from "../../state/errorText";

interface Props<T> {
  query: UseQueryResult<T>;
  children: (data: T) => ReactNode;
}

/** What a question brings; until then that it is on its way, or why it did not come. */
export function Answer<T>({ query: { data, error, refetch }, children }: Props<T>) {
  if (data !== undefined) return children(data);
  return error ? <Failed text={errorText(error)} onRetry={() => void refetch()} /> : <Loading />;
}
