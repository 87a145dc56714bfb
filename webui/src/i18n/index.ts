import type { en } from "./en/index";
import { account } from "./en/account";
import { common } from "./en/common";
import { graphs } from "./en/graphs";
import { guests } from "./en/guests";
import { guestStates } from "./en/guestStates";
import { nodes } from "./en/nodes";

export type Key = keyof typeof en;
/** Stems of keys that exist in plural forms (`x.one`, `x.other`). */
export type PluralKey = Key extends infer K ? (K extends `${infer Stem}.other` ? Stem : never) : never;
type Values = Readonly<Record<string, string | number>>;

const LANGUAGE = "en";
const plural = new Intl.PluralRules(LANGUAGE);

/** What the first page needs; views that are loaded later bring their own (`whole.ts`). */
let words: Readonly<Record<string, string>> = {
  ...account,
  ...common,
  ...graphs,
  ...guests,
  ...guestStates,
  ...nodes,
};

export function addWords(more: Readonly<Record<string, string>>): void {
  words = { ...words, ...more };
}

function fill(text: string, values: Values): string {
  return text.replace(/\{(\w+)\}/g, (match, name: string) => (name in values ? String(values[name]) : match));
}

/** The text of a key, `{name}` filled from the values. */
export function t(key: Key, values: Values = {}): string {
  return fill(words[key] ?? key, values);
}

/** The text for a count; `{n}` is the count. */
export function tn(stem: PluralKey, n: number, values: Values = {}): string {
  const form = plural.select(n) === "one" ? "one" : "other";
  return fill(words[`${stem}.${form}`] ?? stem, { n, ...values });
}

/** For words that come from the server (task types, content kinds): the text if the catalogue knows the key. */
export function tOptional(key: string, values: Values = {}): string | null {
  return key in words ? fill(words[key] ?? "", values) : null;
}
