// The links to the documents: every view has one, and what they name is there.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { helpAbout, helpOf, TARGETS } from "../src/state/help";

const DOCS = new URL("../../docs/", import.meta.url);

/** The places of a document, as python3-markdown names them. */
function places(name) {
  const text = readFileSync(new URL(`${name}.md`, DOCS), "utf8").replace(/^```[^]*?^```/gm, "");
  return [...text.matchAll(/^#{1,4} (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, "")
      .trim()
      .replaceAll(" ", "-"),
  );
}

test("every view has a document", () => {
  expect(helpOf("/")).toBe("/docs/web-page.html#what-is-where");
  expect(helpOf("/access")).toBe("/docs/access.html");
  expect(helpOf("/access/realms")).toBe("/docs/access.html#realms");
  expect(helpOf("/nodes/a/storage/local")).toBe("/docs/storage.html#volumes");
  expect(helpOf("/containers/100/tasks")).toBe("/docs/tasks.html");
  expect(helpOf("/vms/100")).toBe("/docs/vm-life.html");
  expect(helpAbout("cloudInit")).toBe("/docs/vms.html#cloud-init");
});

test("and all that is linked to is there", () => {
  for (const target of TARGETS) {
    const [name = "", place] = target.split("#");
    if (place !== undefined) expect(places(name), target).toContain(place);
    else expect(places(name).length, target).toBeGreaterThan(0);
  }
});
