// What a real shell makes of the words of "As code"; types of Node's own modules are not among the page's.
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { shellWord } from "../src/state/asCode";

const WORDS = [
  "a b",
  "$HOME `id` $(id)",
  "it's 'quoted'",
  '"',
  "\\",
  "two\nlines\n",
  "!x",
  "*",
  "=x",
  "~",
  "a;b|c&d",
  "-n",
  "é",
  "",
];

test.each(WORDS)("a shell reads %j back as one word", (text) => {
  const told = execFileSync("/bin/sh", ["-c", `printf '%s|' ${shellWord(text)}`], { encoding: "utf8" });
  expect(told).toBe(`${text}|`);
});
