import { Title, Toolbar, ToolbarContent, ToolbarItem } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr, type TdProps } from "@patternfly/react-table";
import type { ReactNode } from "react";
import { Empty, Failed, Loading } from "./States";

const WIDE_ONLY: TdProps["visibility"] = ["hidden", "visibleOnMd"];

export interface Column<T> {
  label: string;
  cell: (item: T) => ReactNode;
  /** Left out on phones. */
  wideOnly?: boolean;
  /** Short words that are not to be broken. */
  short?: boolean;
}

interface Props<T> {
  title: string;
  /** Stands at the right of the title. */
  action?: ReactNode;
  /** undefined while they are asked for. */
  items: readonly T[] | undefined;
  error: string | null;
  onRetry?: () => void;
  emptyText: string;
  columns: readonly Column<T>[];
  keyOf: (item: T) => string;
  /** What can be done with a row, and the name of that column. */
  actionsLabel?: string;
  actions?: (item: T) => ReactNode;
}

/** A list with its title, from loading to its rows; the last column holds what can be done with a row, if anything. */
export function ItemList<T>({ title, action, items, error, onRetry, emptyText, ...table }: Props<T>) {
  return (
    <>
      <Toolbar inset={{ default: "insetNone" }} className="hf-list-toolbar">
        <ToolbarContent>
          <ToolbarItem className="hf-grow">
            <Title headingLevel="h2" size="lg">
              {title}
            </Title>
          </ToolbarItem>
          {action && <ToolbarItem>{action}</ToolbarItem>}
        </ToolbarContent>
      </Toolbar>
      {items === undefined ? (
        error === null ? (
          <Loading />
        ) : (
          <Failed text={error} {...(onRetry && { onRetry })} />
        )
      ) : items.length === 0 ? (
        <Empty title={emptyText} />
      ) : (
        <ItemTable title={title} items={items} {...table} />
      )}
    </>
  );
}

type TableProps<T> = Pick<Props<T>, "title" | "columns" | "keyOf" | "actionsLabel" | "actions"> & {
  items: readonly T[];
};

function ItemTable<T>({ title, items, columns, keyOf, actionsLabel, actions }: TableProps<T>) {
  const width = ({ wideOnly }: Column<T>) => (wideOnly ? { visibility: WIDE_ONLY } : {});
  return (
    <Table variant="compact" aria-label={title} gridBreakPoint="grid-md">
      <Thead>
        <Tr>
          {columns.map((column) => (
            <Th key={column.label} {...width(column)}>
              {column.label}
            </Th>
          ))}
          {actions && <Th screenReaderText={actionsLabel ?? ""} />}
        </Tr>
      </Thead>
      <Tbody>
        {items.map((item) => (
          <Tr key={keyOf(item)}>
            {columns.map((column) => (
              <Td
                key={column.label}
                dataLabel={column.label}
                modifier={column.short ? "nowrap" : "breakWord"}
                {...width(column)}
              >
                {column.cell(item)}
              </Td>
            ))}
            {actions && (
              <Td isActionCell className="hf-row-action">
                {actions(item)}
              </Td>
            )}
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}
