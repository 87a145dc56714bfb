// The walk through the product in a browser: log in, create a virtual machine, start it, see its screen, read the log,
// stop and delete it. The same steps against a real node (see target.mjs) and the mock.
//
//   node --test tests/ui/walking.test.mjs
//   BASE_URL=https://localhost:8006 HOLDFAST_PASSWORD=… node --test tests/ui/walking.test.mjs
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { launch, logIn, openPage, openTree, picture, SIZE } from "./browser.mjs";
import { openTarget } from "./target.mjs";

/** Starting a guest by emulation takes its time; a mock's task does not. */
const TASK_MS = process.env.BASE_URL ? 120_000 : 10_000;
const README_PICTURE =
  process.env.BASE_URL &&
  SIZE === "wide" &&
  fileURLToPath(new URL("../../docs/img/overview.png", import.meta.url));

let target, browser, page, vmid;

before(async () => {
  target = await openTarget();
  browser = await launch();
  page = await openPage(browser);
});

after(async () => {
  if (page) await picture(page, "walking-end");
  await browser?.close();
  await target?.stop();
});

const state = (text) =>
  page
    .locator(".hf-header")
    .getByText(text, { exact: true })
    .waitFor({ timeout: TASK_MS });
const toast = (text) =>
  page.locator(".hf-toasts").getByText(text).waitFor({ timeout: TASK_MS });

test("a wrong password is refused with a reason", async () => {
  await page.goto(target.url);
  await page.getByLabel("User name").fill(target.user);
  await page.locator("#login-password").fill("certainly not the password");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByText(/Log-in failed: authentication failure/).waitFor();
  await picture(page, "login-refused");
});

test("log in", async () => {
  await logIn(page, target);
  await page.getByRole("heading", { name: "Data center" }).waitFor();
  const tree = await openTree(page);
  await tree.getByText("Data center").click(); // on a phone it closes
});

test("create a virtual machine", async () => {
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await page.getByRole("menuitem", { name: "Create virtual machine" }).click();
  const form = page.getByRole("dialog");
  await form
    .locator("#create-storage option")
    .first()
    .waitFor({ state: "attached" });
  const id = form.locator("#create-vmid");
  await assert.doesNotReject(async () => {
    while ((await id.inputValue()) === "") await page.waitForTimeout(100);
  });
  vmid = await id.inputValue();
  await form.locator("#create-name").fill(`walk-${vmid}`);
  await form.locator("#create-memory").fill("256");
  await form.locator("#create-diskSize").fill("1");
  await picture(page, "create-vm");
  await form.getByRole("button", { name: "Create", exact: true }).click();
  await toast(`VM ${vmid}: create: done`);
  await page.waitForURL(`**/#/vms/${vmid}`);
  await state("Stopped");
});

test("start it", async () => {
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await state("Running");
});

test("see its screen", async () => {
  await page
    .getByRole("tab", { name: "Console" })
    .or(page.getByRole("link", { name: "Console" }))
    .first()
    .click();
  await page
    .locator('.hf-console-frame[data-phase="connected"]')
    .waitFor({ timeout: TASK_MS });
  const screen = page.locator(".hf-console-screen canvas");
  await screen.waitFor();
  const seen = await screen.evaluate(async (canvas, deadlineMs) => {
    const look = () => {
      const { data } = canvas
        .getContext("2d")
        .getImageData(0, 0, canvas.width, canvas.height);
      let lit = 0;
      for (let i = 0; i < data.length; i += 4)
        if (data[i] + data[i + 1] + data[i + 2] > 120) lit++;
      return { width: canvas.width, height: canvas.height, lit };
    };
    const end = Date.now() + deadlineMs;
    while (look().lit === 0 && Date.now() < end)
      await new Promise((resolve) => setTimeout(resolve, 200));
    return look();
  }, TASK_MS);
  assert.ok(
    seen.lit > 100,
    `the screen shows something: ${JSON.stringify(seen)}`,
  );
  assert.notDeepEqual(
    [seen.width, seen.height],
    [300, 150],
    "the canvas has the guest's size, not the default one",
  );
  await picture(page, "console");
});

test("read the log of its start", async () => {
  await page.getByRole("button", { name: "Tasks", exact: true }).click();
  const drawer = page.locator("#task-drawer");
  await drawer
    .getByRole("button", { name: `VM ${vmid}: start` })
    .first()
    .click();
  await drawer
    .getByRole("log")
    .getByText("TASK OK")
    .waitFor({ timeout: TASK_MS });
  await picture(page, "task-log");
  await page.getByRole("button", { name: "Tasks", exact: true }).click();
});

test("the overview shows it running", async () => {
  await page.getByRole("link", { name: "Holdfast" }).click();
  const row = page.getByRole("row").filter({ hasText: `walk-${vmid}` });
  await row.getByText("Running").waitFor({ timeout: TASK_MS });
  await page.locator(".hf-toasts li").first().waitFor({ state: "detached" });
  await picture(page, "overview");
  if (README_PICTURE) {
    mkdirSync(dirname(README_PICTURE), { recursive: true });
    await page.screenshot({ path: README_PICTURE });
  }
  await row.getByRole("link", { name: `walk-${vmid}` }).click();
});

const button = (name) => page.getByRole("button", { name, exact: true });
const option = (name) => page.getByRole("row").filter({ hasText: name });

test("more memory waits while it runs, and can be taken back", async () => {
  await page.goto(`${target.url}/#/vms/${vmid}/hardware`);
  await button("Edit processor and memory").click();
  await page.locator("#hardware-memory").fill("320");
  await button("Save").click();
  await option("Memory").getByText("Waits").waitFor({ timeout: TASK_MS });
  await picture(page, "hardware-waits");
  await button("Take the change of Memory (MiB) back").click();
  await option("Memory").getByText("Waits").waitFor({ state: "detached" });
});

test("a disk is plugged in while it runs, taken out and thrown away", async () => {
  const disk = "SCSI disk (scsi1)";
  await button("Add disk").click();
  const form = page.getByRole("dialog");
  await form
    .locator("#hardware-storage option")
    .first()
    .waitFor({ state: "attached" });
  await form.locator("#hardware-size").fill("1");
  await form.getByRole("button", { name: "Add", exact: true }).click();
  await option(disk).getByText("size=1G").waitFor({ timeout: TASK_MS });
  await button(`Remove ${disk}`).click();
  await form.getByRole("button", { name: "Remove", exact: true }).click();
  await option("Unused disk").waitFor({ timeout: TASK_MS });
  await button("Remove Unused disk (unused0)").click();
  await form.getByRole("button", { name: "Remove", exact: true }).click();
  await option("Unused disk").waitFor({ state: "detached", timeout: TASK_MS });
  await page.goto(`${target.url}/#/vms/${vmid}`);
});

test("stop it, after a warning", async () => {
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText(/pulling the power plug/).waitFor();
  await picture(page, "stop-question");
  await dialog.getByRole("button", { name: "Stop", exact: true }).click();
  await state("Stopped");
});

test("delete it, after its disk is named and its id typed", async () => {
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText(new RegExp(`scsi0: .*${vmid}`)).waitFor();
  const confirm = dialog.getByRole("button", { name: "Delete", exact: true });
  assert.equal(await confirm.isDisabled(), true);
  await dialog.getByLabel(`Type ${vmid} to confirm`).fill(vmid);
  await picture(page, "delete-question");
  await confirm.click();
  await toast(`VM ${vmid}: delete: done`);
  await page.waitForURL("**/#/nodes/*");
  await page
    .locator(".hf-tree")
    .getByText(`walk-${vmid}`)
    .waitFor({ state: "detached" });
});

test("the pages of the node", async () => {
  const tree = await openTree(page);
  await tree.locator('.hf-tree-row[aria-level="2"]').first().click();
  await page
    .getByRole("img", { name: /^CPU:/ })
    .or(page.getByText("No history yet"))
    .first()
    .waitFor();
  await picture(page, "node-summary");
  const lists = {
    Disks: "Made of disks",
    Network: "Network interfaces",
    System: "Services",
    Updates: "Available updates",
    Journal: "Journal",
  };
  const failed = [];
  for (const [tab, list] of Object.entries(lists)) {
    const link = page.getByRole("link", { name: tab, exact: true });
    await link
      .or(page.getByRole("tab", { name: tab }))
      .first()
      .click();
    await page.getByRole("heading", { name: list, exact: true }).waitFor();
    while (await page.getByText("Loading…").count())
      await page.waitForTimeout(100);
    await picture(page, `node-tab-${tab.toLowerCase()}`);
    if (await page.getByText("This did not work").count()) failed.push(tab);
  }
  assert.deepEqual(failed, []);
});

test("log out", async () => {
  await page.getByRole("button", { name: /User menu/ }).click();
  await page.getByRole("menuitem", { name: "Log out" }).click();
  await page.getByLabel("User name").waitFor();
  assert.equal(
    await page.evaluate(() => document.cookie.includes("PVE%3A")),
    false,
  );
});

test("nothing went wrong in the browser", () =>
  assert.deepEqual(page.problems, []));
