import { TextInput } from "@patternfly/react-core";
import { type KeyboardEvent, type ReactNode, useId, useState } from "react";

interface Props<T> {
  /** Of the line to type into. */
  label: string;
  listLabel: string;
  text: string;
  onText: (text: string) => void;
  found: readonly T[];
  keyOf: (item: T) => string;
  row: (item: T) => ReactNode;
  onChoose: (item: T) => void;
}

/**
 * A line to type into, and below it what was found. Keys are those of the ARIA pattern for a combobox whose list is
 * always open: arrows move through the list while the line keeps the keyboard, Enter chooses.
 */
export function FindList<T>({ label, listLabel, text, onText, found, keyOf, row, onChoose }: Props<T>) {
  const id = useId();
  const [at, setAt] = useState(0);
  const active = Math.min(at, found.length - 1);
  const rowId = (index: number) => `${id}-${index}`;
  const go = (index: number) => {
    const next = Math.max(0, Math.min(index, found.length - 1));
    setAt(next);
    document.getElementById(rowId(next))?.scrollIntoView({ block: "nearest" });
  };
  const onKey = (event: KeyboardEvent) => {
    const chosen = found[active];
    if (event.key === "ArrowDown") go(active + 1);
    else if (event.key === "ArrowUp") go(active - 1);
    else if (event.key === "Enter" && chosen !== undefined) onChoose(chosen);
    else return;
    event.preventDefault();
  };
  return (
    <>
      <TextInput
        type="search"
        aria-label={label}
        placeholder={label}
        autoComplete="off"
        value={text}
        role="combobox"
        aria-expanded={found.length > 0}
        aria-autocomplete="list"
        aria-controls={`${id}-list`}
        {...(active >= 0 && { "aria-activedescendant": rowId(active) })}
        onKeyDown={onKey}
        onChange={(_event, typed) => {
          setAt(0);
          onText(typed);
        }}
      />
      <div role="listbox" id={`${id}-list`} aria-label={listLabel} className="hf-find-list">
        {found.map((item, index) => (
          <div
            key={keyOf(item)}
            role="option"
            id={rowId(index)}
            aria-selected={index === active}
            className="hf-find-row"
            onMouseMove={() => setAt(index)}
            onClick={() => onChoose(item)}
          >
            {row(item)}
          </div>
        ))}
      </div>
    </>
  );
}
