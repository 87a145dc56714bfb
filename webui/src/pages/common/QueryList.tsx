import type { UseQueryResult } from "@tanstack/react-query";
import type { ComponentProps } from "react";
import { ItemList } from "../../components/ItemList";
import { errorText } from "../../state/errorText";

type Props<T> = Omit<ComponentProps<typeof ItemList<T>>, "items" | "error" | "onRetry"> & {
  query: Pick<UseQueryResult<readonly T[]>, "data" | "error" | "refetch">;
};

/** The list that a question brings. */
export function QueryList<T>({ query: { data, error, refetch }, ...list }: Props<T>) {
  return <ItemList items={data} error={error ? errorText(error) : null} onRetry={() => void refetch()} {...list} />;
}
