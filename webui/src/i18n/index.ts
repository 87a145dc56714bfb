import { en } from "./en/index";

export type Key = keyof typeof en;
/** Stems of keys that exist in plural forms (`x.one`, `x.other`). */
export type PluralKey = Key extends infer K ? (K extends `${infer Stem}.other` ? Stem : never) : never;
type Values = Readonly<Record<string, string | number>>;

const LANGUAGE = "en";
const plural = new Intl.PluralRules(LANGUAGE);

function fill(text: string, values: Values): string {
  return text.replace(/\{(\w+)\}/g, (match, name: string) => (name in values ? String(values[name]) : match));
}

/** The text of a key, `{name}` filled from the values. */
export function t(key: Key, values: Values = {}): string {
  return fill(en[key], values);
}

/** The text for a count; `{n}` is the count. */
export function tn(stem: PluralKey, n: number, values: Values = {}): string {
  const form = plural.select(n) === "one" ? "one" : "other";
  return fill(en[`${stem}.${form}` as Key], { n, ...values });
}

/** For words that come from the server (task types, content kinds): the text if the catalogue knows the key. */
export function tOptional(key: string, values: Values = {}): string | null {
  return key in en ? fill(en[key as Key], values) : null;
}
