import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

export interface GraphProps {
  /** What it shows, in words. */
  label: string;
  /** Unix seconds, rising. */
  times: readonly number[];
  lines: readonly { label: string; filled: boolean; values: readonly (number | null)[] }[];
  /** Graphs of one name show the values of the same moment while the pointer is over one of them. */
  group: string;
  /** Steps between marks of the vertical axis. */
  steps: number[];
  valueText: (value: number) => string;
  /** For the horizontal axis. */
  markText: (seconds: number) => string;
  momentText: (seconds: number) => string;
  timeLabel: string;
}

const HEIGHT_PX = 180;
const COLOURS = ["--hf-graph-1", "--hf-graph-2", "--hf-graph-3"] as const;
/** Below a line. */
const faint = (colour: string) => `color-mix(in srgb, ${colour} 20%, transparent)`;

/** Lines over time. Made anew when the theme changes (give it a `key`): a canvas does not follow styles. */
export default function Graph(props: GraphProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const latest = useRef(props);
  latest.current = props;
  const { label, times, lines } = props;
  const names = lines.map((line) => line.label).join("\n");

  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const made = new uPlot(options(latest, element.clientWidth), dataOf(latest.current), element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [names]);

  useEffect(() => {
    plot.current?.setData(dataOf(latest.current));
  }, [times, lines]);

  return <div ref={box} className="hf-graph" role="img" aria-label={label} />;
}

function dataOf({ times, lines }: GraphProps): uPlot.AlignedData {
  return [[...times], ...lines.map(({ values }) => [...values])];
}

function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function options(latest: { readonly current: GraphProps }, width: number): uPlot.Options {
  const { lines, group, steps } = latest.current;
  const text = token("--pf-t--global--text--color--subtle");
  const grid = { stroke: token("--pf-t--global--border--color--subtle"), width: 1 };
  const font = `12px ${token("--pf-t--global--font--family--body") || "sans-serif"}`;
  const axis = { stroke: text, grid, ticks: grid, font };
  return {
    width,
    height: HEIGHT_PX,
    cursor: { sync: { key: group }, drag: { x: false, y: false }, points: { size: 6 } },
    scales: { y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.05 : 1] } },
    axes: [
      { ...axis, values: (_plot, marks) => marks.map((mark) => latest.current.markText(mark)), space: 60 },
      {
        ...axis,
        values: (_plot, marks) => marks.map((mark) => latest.current.valueText(mark)),
        incrs: steps,
        size: 78,
      },
    ],
    series: [
      { label: latest.current.timeLabel, value: (plot, _value, _line, at) => momentAt(latest.current, plot, at) },
      ...lines.map(({ label, filled }, i): uPlot.Series => {
        const stroke = token(COLOURS[i % COLOURS.length] ?? COLOURS[0]);
        const value: uPlot.Series.Value = (plot, _value, line, at) => valueAt(latest.current, plot, line, at);
        return { label, stroke, width: 1.5, value, ...(filled && { fill: faint(stroke) }) };
      }),
    ],
  };
}

/** Of the moment under the pointer, else the newest one. */
function momentAt({ momentText }: GraphProps, plot: uPlot, at: number | null): string {
  const seconds = plot.data[0][at ?? plot.data[0].length - 1];
  return seconds === undefined ? "" : momentText(seconds);
}

function valueAt({ valueText }: GraphProps, plot: uPlot, line: number, at: number | null): string {
  const values = plot.data[line] ?? [];
  const value = at === null ? [...values].reverse().find((each) => each !== null) : values[at];
  return value === null || value === undefined ? "–" : valueText(value);
}
