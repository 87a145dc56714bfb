/**
 * Typed getters for answers. The wire is loose (numbers as text, booleans as 0/1, fields that come and go with the
 * state of things), so nothing is taken on trust: a field that is missing or of another kind reads as its empty value.
 */
export function num(value: unknown): number {
  const parsed = Number(value ?? 0);
  return Number.isFinite(parsed) ? parsed : 0;
}

export function bool(value: unknown): boolean {
  return value === true || value === 1 || value === "1";
}

export function text(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

/** Lists arrive as text split by comma, semicolon or white space, or as arrays. */
export function list(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(text);
  return text(value)
    .split(/[,;\s]+/)
    .filter((item) => item !== "");
}

/** The fields of one object of an answer. */
export class Fields {
  private readonly values: Readonly<Record<string, unknown>>;

  constructor(value: unknown) {
    this.values = value !== null && typeof value === "object" ? (value as Record<string, unknown>) : {};
  }

  has = (name: string): boolean => this.values[name] !== undefined && this.values[name] !== null;
  text = (name: string): string => text(this.values[name]);
  /** null where the field is absent or empty. */
  textOrNull = (name: string): string | null => this.text(name) || null;
  num = (name: string): number => num(this.values[name]);
  numOrNull = (name: string): number | null => (this.has(name) && this.values[name] !== "" ? this.num(name) : null);
  bool = (name: string): boolean => bool(this.values[name]);
  list = (name: string): string[] => list(this.values[name]);
  /** For `rows`: the value as it came. */
  raw = (name: string): unknown => this.values[name];
  sub = (name: string): Fields => new Fields(this.values[name]);
  entries = (): [string, unknown][] => Object.entries(this.values);
}

/** The objects of a list answer. */
export function rows(value: unknown): Fields[] {
  return Array.isArray(value) ? value.map((item) => new Fields(item)) : [];
}
