// The search over everything, and the orders of the tree. Against the mock only.
//
//   node --test tests/ui/search.test.mjs
import assert from "node:assert/strict";
import { test } from "node:test";
import { overflows, picture } from "./browser.mjs";
import { World } from "./mock/world.mjs";
import { furnish } from "./mock_server.mjs";
import { onMock } from "./mocked.mjs";

const { at, open, dialog, header, button } = onMock();

const line = () => dialog().getByRole("combobox");
const found = () => dialog().getByRole("option");
const chosen = () => dialog().locator('[aria-selected="true"]');

test("by keyboard alone: a guest by its tag, a view, a form", async () => {
  await open("/");
  await at.page.keyboard.press("Control+k");
  await line().waitFor();
  await at.page.keyboard.type("prod");
  await found().getByText("100 (web-frontend)").waitFor();
  await picture(at.page, "search-wide-light");
  await at.page.keyboard.press("Enter");
  await header().getByText("100 (web-frontend)").waitFor();

  await at.page.keyboard.press("Control+k");
  await line().waitFor();
  await at.page.keyboard.type("per");
  await chosen().getByText("Users and permissions").waitFor();
  await at.page.keyboard.press("Enter");
  await at.page.getByRole("heading", { name: "Data center" }).waitFor();
  assert.match(at.page.url(), /#\/access$/);

  await at.page.keyboard.press("Control+k");
  await line().waitFor();
  await at.page.keyboard.type("create");
  await found().nth(1).waitFor();
  const first = await chosen().innerText();
  await at.page.keyboard.press("ArrowDown");
  assert.notEqual(await chosen().innerText(), first);
  await at.page.keyboard.press("ArrowUp");
  assert.equal(await chosen().innerText(), first);
  await at.page.keyboard.press("Enter");
  await dialog().getByText("Create virtual machine").first().waitFor();
  await at.page.keyboard.press("Control+k");
  assert.equal(await dialog().count(), 1, "a dialog keeps the page");
});

test("on a phone by its button; what nothing is called is said", async () => {
  await open("/", undefined, { size: "phone", theme: "dark" });
  await button("Search (Ctrl+K)").click();
  await line().fill("local");
  assert.equal(await found().count(), 2);
  await picture(at.page, "search-phone-dark");
  assert.equal(await overflows(at.page), false);
  await line().fill("nobody");
  await dialog().getByText("Nothing is called “nobody”").waitFor();
  await line().fill("local-lvm");
  await found().click();
  await header().getByText("local-lvm").waitFor();
});

test("the tree stands in another order, which is kept", async () => {
  const world = furnish(new World());
  world.guests.get(102).pool = "infrastructure";
  world.guests.get(103).config.tags = "prod;mail";
  await open("/vms/100", world);
  const tree = at.page.getByRole("tree");
  const rows = async () =>
    (await tree.getByRole("treeitem").allInnerTexts()).map((text) =>
      text.trim(),
    );
  await tree.getByText("local-lvm").waitFor();
  await at.page.getByLabel("Order of the tree").selectOption("tag");
  await tree.getByText("Without a tag").waitFor();
  assert.deepEqual(await rows(), [
    "Data center",
    "mail",
    "103 (mail-archive)",
    "prod",
    "100 (web-frontend)",
    "103 (mail-archive)",
    "web",
    "100 (web-frontend)",
    "Without a tag",
    "101 (database-primary-with-a-rather-long-name)",
    "102 (dns)",
    "104 (windows-build)",
  ]);
  assert.equal(await tree.locator('[aria-selected="true"]').count(), 1);
  await picture(at.page, "tree-by-tag");
  await tree.getByText("prod", { exact: true }).click();
  assert.equal((await rows()).length, 10, "a group closes");
  await at.page.reload();
  await tree.getByText("Without a tag").waitFor();
  await at.page.getByLabel("Order of the tree").selectOption("pool");
  await tree.getByText("infrastructure").waitFor();
  await at.page.getByLabel("Order of the tree").selectOption("kind");
  await tree.getByText("Virtual machines").waitFor();
  await tree.getByText("102 (dns)").click();
  await header().getByText("102 (dns)").waitFor();
});

test("a console keeps the key", async () => {
  await open("/containers/102/console");
  await at.page.locator('[data-phase="connected"]').waitFor();
  await at.page
    .locator(".hf-console-screen textarea")
    .evaluate((element) => element.focus());
  await at.page.keyboard.press("Control+k");
  await at.page.keyboard.type("still here");
  await at.page.locator(".xterm-rows").getByText("still here").waitFor();
  assert.equal(await dialog().count(), 0);
});
