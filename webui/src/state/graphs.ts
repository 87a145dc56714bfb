/** Which graphs there are of a node, a guest, a storage, and what each shows. Pure. */
import type { History } from "../api/history";
import { type Key, t } from "../i18n";
import { bytes, percent } from "./format";

export type Unit = "share" | "bytes" | "rate" | "number";

interface Line {
  /** Name in the history. */
  name: string;
  label: Key;
  /** The space below it is filled: the value itself, not what bounds it. */
  filled?: boolean;
}

interface GraphKind {
  title: Key;
  unit: Unit;
  lines: readonly Line[];
}

const PRESSURE: GraphKind = {
  title: "graph.pressure",
  unit: "share",
  lines: [
    { name: "pressurecpusome", label: "graph.pressureCpu", filled: true },
    { name: "pressureiosome", label: "graph.pressureIo" },
    { name: "pressurememorysome", label: "graph.pressureMemory" },
  ],
};

const NETWORK: GraphKind = {
  title: "graph.network",
  unit: "rate",
  lines: [
    { name: "netin", label: "graph.received", filled: true },
    { name: "netout", label: "graph.sent" },
  ],
};

const used = (name: string, total: string, title: Key): GraphKind => ({
  title,
  unit: "bytes",
  lines: [
    { name, label: "graph.used", filled: true },
    { name: total, label: "graph.total" },
  ],
});

export const GRAPHS: Readonly<Record<"node" | "guest" | "storage", readonly GraphKind[]>> = {
  node: [
    {
      title: "usage.cpu",
      unit: "share",
      lines: [
        { name: "cpu", label: "graph.inUse", filled: true },
        { name: "iowait", label: "graph.waiting" },
      ],
    },
    used("memused", "memtotal", "usage.memory"),
    NETWORK,
    PRESSURE,
    { title: "graph.load", unit: "number", lines: [{ name: "loadavg", label: "graph.loadMinute", filled: true }] },
    used("rootused", "roottotal", "usage.rootFs"),
  ],
  guest: [
    { title: "usage.cpu", unit: "share", lines: [{ name: "cpu", label: "graph.inUse", filled: true }] },
    used("mem", "maxmem", "usage.memory"),
    NETWORK,
    {
      title: "graph.disk",
      unit: "rate",
      lines: [
        { name: "diskread", label: "graph.read", filled: true },
        { name: "diskwrite", label: "graph.written" },
      ],
    },
    PRESSURE,
  ],
  storage: [used("used", "total", "storage.usage")],
};

export interface GraphLine {
  label: string;
  filled: boolean;
  values: (number | null)[];
}

export interface GraphData {
  title: string;
  unit: Unit;
  times: number[];
  /** Empty where nothing of it was recorded. */
  lines: GraphLine[];
}

/** The graphs with their values; lines of which nothing is known are left out. */
export function graphsOf(kind: keyof typeof GRAPHS, { times, values }: History): GraphData[] {
  return GRAPHS[kind].map(({ title, unit, lines }) => ({
    title: t(title),
    unit,
    times,
    lines: lines
      .map(({ name, label, filled = false }) => ({ label: t(label), filled, values: values[name] ?? [] }))
      .filter(({ values: found }) => found.some((value) => value !== null)),
  }));
}

/** A value in words. */
export function inWords(unit: Unit, value: number): string {
  switch (unit) {
    case "share":
      return percent(value);
    case "bytes":
      return bytes(value);
    case "rate":
      return t("unit.perSecond", { value: bytes(value) });
    case "number":
      return String(Number(value.toFixed(2)));
  }
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** Steps between marks of an axis that look round in words: powers of two for bytes, else 1, 2, 5, 10, … */
export function axisSteps(unit: Unit): number[] {
  if (unit === "bytes" || unit === "rate") return range(0, 60).map((power) => 2 ** power);
  return range(-4, 6).flatMap((power) => [1, 2, 5].map((part) => Number(`${part}e${power}`)));
}

/** What somebody hears who does not see the graph: the newest value and the highest of each line. */
export function summary({ title, unit, lines }: GraphData): string {
  const told = lines.map(({ label, values }) => {
    const known = values.filter((value) => value !== null);
    const [last = 0, most] = [known.at(-1), Math.max(...known)];
    return t("graph.lineSummary", { label, last: inWords(unit, last), most: inWords(unit, most) });
  });
  return [`${title}:`, ...told].join(" ");
}
