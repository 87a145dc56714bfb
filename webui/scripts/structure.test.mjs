// The rules of the source tree that a machine can check (README.md explains them).
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { en } from "../src/i18n/en/index";

const SRC = fileURLToPath(new URL("../src", import.meta.url));
const GENERATED = new Set(["api/schema.d.ts", "api/limits.ts"]);

function filesBelow(directory) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

const files = filesBelow(SRC)
  .map((path) => ({ path: relative(SRC, path), text: readFileSync(path, "utf8") }))
  .filter(({ path }) => /\.tsx?$/.test(path) && !GENERATED.has(path));
const code = files.filter(({ path }) => !path.includes(".test."));
const holding = (pattern) => code.filter(({ text }) => pattern.test(text)).map(({ path }) => path);
const imports = (text) => [...text.matchAll(/(?:from|import) "([^"]+)"/g)].map((match) => match[1]);

describe("one door each", () => {
  test("requests are made by the client alone", () => {
    expect(holding(/\bfetch\(|\bXMLHttpRequest\b/)).toEqual(["api/client.ts"]);
    expect(holding(/\bEventSource\b/)).toEqual(["api/events.ts"]);
  });

  test("noVNC and xterm.js belong to the consoles", () => {
    const users = code.filter(({ text }) => imports(text).some((name) => /novnc|xterm/.test(name)));
    expect(users.map(({ path }) => path).sort()).toEqual(["consoles/Terminal.tsx", "consoles/Vnc.tsx"]);
  });

  test("uPlot belongs to the graph", () => {
    const users = code.filter(({ text }) => imports(text).some((name) => name.startsWith("uplot")));
    expect(users.map(({ path }) => path)).toEqual(["components/Graph.tsx"]);
  });

  test("nothing but the poller asks again by itself", () => {
    expect(holding(/refetchInterval/)).toEqual([]);
    expect(holding(/setInterval/)).toEqual(["consoles/Terminal.tsx"]); // the console's keep-alive
  });

  test("cache entries are named in queryKeys.ts", () => {
    expect(holding(/queryKey: \[/)).toEqual([]);
  });
});

describe("floors", () => {
  const allowed = { components: ["i18n"], api: [], i18n: [], consoles: ["api", "i18n", "state"] };
  test.each(Object.entries(allowed))("src/%s imports only its own and %j", (area, others) => {
    const outside = code
      .filter(({ path }) => path.startsWith(`${area}/`))
      .flatMap(({ path, text }) => imports(text).map((name) => ({ path, name })))
      .filter(({ name }) => name.startsWith("../") && !others.some((other) => name.startsWith(`../${other}`)))
      .filter(({ path, name }) => path.split("/").length === 2 || !name.startsWith(".."));
    expect(outside).toEqual([]);
  });

  test("state knows no page", () => {
    const below = code.filter(({ path }) => path.startsWith("state/"));
    expect(below.filter(({ text }) => /from "\.\.\/(pages|components|consoles)/.test(text))).toEqual([]);
  });
});

test("files stay short", () => {
  expect(files.filter(({ text }) => text.split("\n").length > 300).map(({ path }) => path)).toEqual([]);
});

describe("words", () => {
  const all = code
    .filter(({ path }) => !path.startsWith("i18n/"))
    .map(({ text }) => text)
    .join("\n");

  test("no text stands in a component", () => {
    const inTags = /<[A-Za-z][^<>]*[^=]>\s*[A-Za-z][\w ,.!?]*\s*</g;
    const inAttributes = /\b(?:aria-label|title|placeholder|label|text|alt)="[^"]*[A-Za-z][^"]*"/g;
    const found = code
      .filter(({ path }) => path.endsWith(".tsx"))
      .flatMap(({ path, text }) =>
        [...text.matchAll(inTags), ...text.matchAll(inAttributes)].map((m) => `${path}: ${m[0]}`),
      );
    expect(found).toEqual([]);
  });

  test("the catalogue holds nothing unused", () => {
    // Keys made from a word (`t(`theme.${name}`)`) are used by their stem.
    const stems = [...all.matchAll(/`([\w.]+\.)\$\{/g)].map((match) => match[1]);
    const unused = Object.keys(en).filter((key) => {
      const stem = key.replace(/\.(one|other)$/, "");
      return !all.includes(`"${key}"`) && !all.includes(`"${stem}"`) && !stems.some((s) => key.startsWith(s));
    });
    expect(unused).toEqual([]);
  });
});
