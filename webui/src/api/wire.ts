/** Loose wire values -> strict values. The server may send numbers as text and booleans as 0/1 (see schema.d.ts). */
import type { Bool, Num } from "./schema";

/** A number; 0 where the value is absent or not a number. */
export function num(value: Num | undefined | null): number {
  const parsed = Number(value ?? 0);
  return Number.isFinite(parsed) ? parsed : 0;
}

/** A number, or null where absent. */
export function numOrNull(value: Num | undefined | null): number | null {
  return value === undefined || value === null || value === "" ? null : num(value);
}

export function bool(value: Bool | undefined | null): boolean {
  return value === true || value === 1 || value === "1";
}

/** Lists arrive as text split by comma, semicolon or white space. */
export function list(value: string | undefined | null): string[] {
  return (value ?? "").split(/[,;\s]+/).filter((item) => item !== "");
}
