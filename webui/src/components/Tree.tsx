import AngleRightIcon from "@patternfly/react-icons/dist/esm/icons/angle-right-icon";
import { type CSSProperties, type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { useRowWindow } from "./useRowWindow";

/** An entry that is shown: those below a closed one are not in the list. */
export interface TreeRow {
  id: string;
  text: string;
  /** From 1. */
  level: number;
  /** Among those of the same parent, from 1, and how many they are. */
  position: number;
  siblings: number;
  /** null where nothing is below it. */
  isOpen: boolean | null;
}

interface Props<T extends TreeRow> {
  label: string;
  rows: readonly T[];
  activeId: string | null;
  icon: (row: T) => ReactNode;
  onSelect: (id: string) => void;
  onToggle: (id: string) => void;
}

const ROW_PX = 32;

/**
 * A tree of thousands of entries, of which only those near what can be seen are drawn. Keys are those of the ARIA
 * pattern for trees: arrows, Home, End; Enter chooses.
 */
export function Tree<T extends TreeRow>({ label, rows, activeId, icon, onSelect, onToggle }: Props<T>) {
  const box = useRef<HTMLDivElement>(null);
  const [focused, setFocused] = useState<{ id: string; byKey: boolean } | null>(null);
  const indexOf = (id: string | null | undefined) => rows.findIndex((row) => row.id === id);
  const active = indexOf(activeId);
  const at = Math.max(0, focused ? indexOf(focused.id) : active);
  const { indexes, scrollTo } = useRowWindow({ count: rows.length, rowPx: ROW_PX, box, keep: at });
  const reach = useRef(scrollTo);
  reach.current = scrollTo;

  useEffect(() => {
    if (!focused?.byKey) return;
    box.current?.querySelector<HTMLElement>(`[data-row="${CSS.escape(focused.id)}"]`)?.focus();
  }, [focused]);
  const isReady = active >= 0 && indexes.length > 0;
  const target = useRef(active);
  target.current = active;
  useEffect(() => {
    if (isReady) reach.current(target.current); // chosen elsewhere, perhaps out of sight
  }, [activeId, isReady]);

  const move = (index: number) => {
    const row = rows[Math.min(Math.max(index, 0), rows.length - 1)];
    if (row) setFocused({ id: row.id, byKey: true });
  };
  const onKey = (event: KeyboardEvent) => {
    const row = rows[at];
    const action = row ? keyAction(event.key, rows, at, row) : null;
    if (!row || action === null) return;
    event.preventDefault();
    if (typeof action === "number") move(action);
    else if (action === "toggle") onToggle(row.id);
    else onSelect(row.id);
  };
  return (
    <div
      ref={box}
      role="tree"
      aria-label={label}
      className="hf-tree"
      style={{ height: rows.length * ROW_PX }}
      onKeyDown={onKey}
    >
      {indexes.map((index) => {
        const row = rows[index];
        if (!row) return null;
        return (
          <div
            key={row.id}
            role="treeitem"
            data-row={row.id}
            aria-level={row.level}
            aria-posinset={row.position}
            aria-setsize={row.siblings}
            aria-selected={row.id === activeId}
            {...(row.isOpen !== null && { "aria-expanded": row.isOpen })}
            tabIndex={index === at ? 0 : -1}
            className="hf-tree-row"
            style={
              { transform: `translateY(${index * ROW_PX}px)`, height: ROW_PX, "--hf-level": row.level } as CSSProperties
            }
            onFocus={() => setFocused({ id: row.id, byKey: false })}
            onClick={() => onSelect(row.id)}
          >
            <span
              className="hf-tree-toggle"
              aria-hidden
              onClick={(event) => {
                if (row.isOpen === null) return;
                event.stopPropagation();
                onToggle(row.id);
              }}
            >
              {row.isOpen !== null && <AngleRightIcon />}
            </span>
            {icon(row)}
            <span className="hf-tree-text" title={row.text}>
              {row.text}
            </span>
          </div>
        );
      })}
    </div>
  );
}

/** What a key does: go to a row, open or close this one, choose it; null: nothing of ours. */
function keyAction(
  key: string,
  rows: readonly TreeRow[],
  at: number,
  row: TreeRow,
): number | "toggle" | "select" | null {
  switch (key) {
    case "ArrowDown":
      return at + 1;
    case "ArrowUp":
      return at - 1;
    case "Home":
      return 0;
    case "End":
      return rows.length - 1;
    case "ArrowRight":
      return row.isOpen === false ? "toggle" : row.isOpen ? at + 1 : null;
    case "ArrowLeft": {
      if (row.isOpen) return "toggle";
      const above = rows.slice(0, at).findLastIndex(({ level }) => level < row.level);
      return above >= 0 ? above : null;
    }
    case "Enter":
    case " ":
      return "select";
    default:
      return null;
  }
}
