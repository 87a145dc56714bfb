/** Numbers for people. Sizes are powers of 1024 and say so. */

const LANGUAGE = "en";
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** 1536 -> "1.5 KiB"; up to two decimals, none where they would be zero. */
export function bytes(value: number): string {
  if (!Number.isFinite(value) || value <= 0) return "0 B";
  const power = Math.min(Math.floor(Math.log2(value) / 10), UNITS.length - 1);
  const scaled = value / 1024 ** power;
  const decimals = power === 0 || scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2;
  return `${Number(scaled.toFixed(decimals))} ${UNITS[power]}`;
}

/** 0.0512 -> "5.1 %"; whole numbers from ten per cent on. */
export function percent(fraction: number): string {
  const value = Math.max(0, Number.isFinite(fraction) ? fraction * 100 : 0);
  return `${value >= 10 ? Math.round(value) : Number(value.toFixed(1))} %`;
}

/** used / total in 0…1; 0 where there is no total. */
export function fraction(used: number, total: number): number {
  return total > 0 ? Math.min(1, Math.max(0, used / total)) : 0;
}

/** 93784 -> "1 d 2 h"; the two largest units; seconds below a minute. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  const parts: [number, string][] = [
    [Math.floor(s / 86400), "d"],
    [Math.floor(s / 3600) % 24, "h"],
    [Math.floor(s / 60) % 60, "min"],
    [s % 60, "s"],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  if (first < 0) return "0 s";
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${value} ${unit}`)
    .join(" ");
}

/** 0.00042 -> "0.42 ms"; two digits that count, whole numbers from ten on. */
export function milliseconds(seconds: number): string {
  const ms = Math.max(0, Number.isFinite(seconds) ? seconds * 1000 : 0);
  return `${ms >= 10 ? Math.round(ms) : Number(ms.toPrecision(2))} ms`;
}

const dateTimeFormat = new Intl.DateTimeFormat(LANGUAGE, {
  year: "numeric",
  month: "short",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const timeFormat = new Intl.DateTimeFormat(LANGUAGE, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

/** Unix seconds -> local date and time. */
export function dateTime(seconds: number): string {
  return dateTimeFormat.format(new Date(seconds * 1000));
}

const thereFormat = new Intl.DateTimeFormat(LANGUAGE, {
  dateStyle: "medium",
  timeStyle: "medium",
  hourCycle: "h23",
  timeZone: "UTC",
});

/** Seconds shifted by the zone of another place -> date and time there. */
export function dateTimeThere(shiftedSeconds: number): string {
  return thereFormat.format(new Date(shiftedSeconds * 1000));
}

const minuteFormat = new Intl.DateTimeFormat(LANGUAGE, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const dayFormat = new Intl.DateTimeFormat(LANGUAGE, { month: "short", day: "2-digit" });
const monthFormat = new Intl.DateTimeFormat(LANGUAGE, { year: "numeric", month: "short" });

const DAY_S = 86_400;

/** A moment on the axis of a graph that spans so many seconds. */
export function axisMark(seconds: number, spanS: number): string {
  const format = spanS <= 2 * DAY_S ? minuteFormat : spanS <= 60 * DAY_S ? dayFormat : monthFormat;
  return format.format(new Date(seconds * 1000));
}

/** Unix milliseconds -> local time of day. */
export function timeOfDay(ms: number): string {
  return timeFormat.format(new Date(ms));
}
