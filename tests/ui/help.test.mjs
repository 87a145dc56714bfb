// The documents of the host: each view and window leads to the page about it, which is there, readable and accessible.
//
//   node --test tests/ui/help.test.mjs
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { overflows, picture } from "./browser.mjs";
import { MADE } from "./mock_server.mjs";
import { onMock } from "./mocked.mjs";

const GENERATE = fileURLToPath(
  new URL("../../debian/generate", import.meta.url),
);
before(() => execFileSync("python3", [GENERATE, MADE]));

const { at, open, dialog, button, press } = onMock();

const ofView = () =>
  at.page.getByRole("link", { name: "Help on this view" }).first();
const leadsTo = async (link, place) =>
  assert.equal(await link.getAttribute("href"), place);

/** Follows a link to a page of its own, which must have the place that it names. */
async function follow(link) {
  const [page] = await Promise.all([
    at.page.context().waitForEvent("page"),
    link.click(),
  ]);
  page.problems = at.page.problems;
  await page.getByRole("heading", { level: 1 }).waitFor();
  const place = new URL(page.url()).hash.slice(1);
  if (place) await page.locator(`[id="${place}"]`).waitFor();
  return page;
}

describe("help", () => {
  test("views and windows lead to the documents", async () => {
    await open("/access/realms");
    await leadsTo(ofView(), "/docs/access.html#realms");
    const realms = await follow(ofView());
    await picture(realms, "docs-wide-light");
    await realms.getByRole("link", { name: "All documents" }).click();
    await realms.getByRole("link", { name: "High availability" }).click();
    await realms.getByRole("heading", { name: "Fence devices" }).waitFor();
    await realms.close();
    await at.page.goto(`${at.mock.url}/#/vms/101/hardware`);
    await button("Edit processor and memory").click();
    const inWindow = dialog().getByRole("link", { name: /^Help on/ });
    await leadsTo(
      inWindow,
      "/docs/vm-life.html#changing-a-machine-while-it-runs",
    );
    await picture(at.page, "help-wide-light");
    await press("Cancel");
    await button("Add disk").click();
    await leadsTo(inWindow, "/docs/vms.html#disks");
    await (await follow(inWindow)).close();
    await press("Cancel");
    await button("Stop").click();
    await leadsTo(
      inWindow,
      "/docs/vm-life.html#changing-a-machine-while-it-runs",
    );
    await picture(at.page, "help-question-wide-light");
    await press("Cancel");
    await at.page.goto(`${at.mock.url}/#/nodes/pve1/storage/local`);
    await button("Upload").click();
    await leadsTo(inWindow, "/docs/storage.html#uploads");
    await press("Cancel");
    await at.page.getByRole("button", { name: /User menu/ }).click();
    const all = at.page.getByRole("menuitem", { name: /^Documents/ });
    await leadsTo(all, "/docs/index.html");
  });

  test("on a phone, in the dark", async () => {
    await open("/containers/103", undefined, { size: "phone", theme: "dark" });
    await picture(at.page, "help-phone-dark");
    const page = await follow(ofView());
    await picture(page, "docs-phone-dark");
    assert.equal(await overflows(page), false);
    await page.getByRole("link", { name: "All documents" }).click();
    await picture(page, "docs-index-phone-dark");
  });
});
