import { useLayoutEffect, useRef } from "react";

interface Props {
  lines: readonly { n: number; text: string }[];
  label: string;
}

const NEAR_END_PX = 24;

/** Lines of text that follow their end, unless the reader has scrolled up. (PatternFly's log viewer is a package of
 * its own with a virtual list and search, larger than all of react-table: worth it only for journals.) */
export function LogView({ lines, label }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    if (box.current && atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines]);
  const remember = () => {
    const element = box.current;
    if (element) atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_END_PX;
  };
  return (
    <div ref={box} className="hf-log" role="log" aria-label={label} tabIndex={0} onScroll={remember}>
      {lines.map((line) => (
        <div key={line.n}>{line.text || "\u00a0"}</div>
      ))}
    </div>
  );
}
