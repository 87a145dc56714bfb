// Whatever can be done on a page can be reached by the Tab key, in views and in dialogs; a list that moves by arrow keys
// (the tree, menus) counts as one. Against the mock only.
//
//   node --test tests/ui/keyboard.test.mjs
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { picture } from "./browser.mjs";
import { busyLab } from "./mock/labs.mjs";
import { World } from "./mock/world.mjs";
import { furnish } from "./mock_server.mjs";
import { onMock } from "./mocked.mjs";

const { at, open, dialog, button } = onMock();

/** Marks what can be worked with inside of `root`; gives how much that is. */
const mark = (root) =>
  at.page.evaluate((selector) => {
    const wanted =
      "button:not(:disabled), a[href], input:not(:disabled), select:not(:disabled), textarea:not(:disabled), [role=menuitem]";
    const all = [
      ...document.querySelector(selector).querySelectorAll(wanted),
    ].filter(
      (element) =>
        element.checkVisibility({ visibilityProperty: true }) &&
        !element.closest(
          "[inert], [role=tree], [role=menu], .hf-console-screen", // entered by a button
        ),
    );
    for (const element of all) element.dataset.unreached = "";
    return all.length;
  }, root);

/** Goes round by Tab; gives what was never reached. */
async function goRound(count) {
  for (let i = 0; i < count + 20; i++) {
    await at.page.keyboard.press("Tab");
    const left = await at.page.evaluate(() => {
      delete document.activeElement?.dataset.unreached;
      return document.querySelectorAll("[data-unreached]").length;
    });
    if (left === 0) return [];
  }
  return at.page.evaluate(() =>
    [...document.querySelectorAll("[data-unreached]")].map(({ outerHTML }) =>
      outerHTML.slice(0, 200),
    ),
  );
}

async function unreached(root = "body") {
  while (await at.page.getByText("Loading…").count())
    await at.page.waitForTimeout(50);
  const count = await mark(root);
  assert.ok(count > 0, "there is something to do");
  return goRound(count);
}

const VIEWS = {
  "Data center": "/",
  "First steps": "/welcome",
  pve1: "/nodes/pve1",
  "its disks": "/nodes/pve1/disks",
  "its system": "/nodes/pve1/system",
  "its updates": "/nodes/pve1/updates",
  "a machine": "/vms/100",
  "its hardware": "/vms/100/hardware",
  "its snapshots": "/vms/100/snapshots",
  "its tasks": "/vms/100/tasks",
  "a storage": "/nodes/pve1/storage/local",
  users: "/access",
  groups: "/access/groups",
  tokens: "/access/tokens",
  roles: "/access/roles",
};
const CLUSTER_VIEWS = {
  "the cluster": "/datacenter/cluster",
  "high availability": "/datacenter/ha",
  storages: "/datacenter/storage",
  pools: "/datacenter/pools",
  options: "/datacenter/options",
};

async function eachView(views) {
  const found = {};
  for (const [name, path] of Object.entries(views)) {
    await at.page.goto(`${at.mock.url}/#${path}`);
    await at.page.reload(); // the Tab key begins at the top
    await at.page.getByRole("heading", { level: 1 }).waitFor();
    const missed = await unreached();
    if (missed.length > 0) found[name] = missed;
  }
  return found;
}

/** The console on show, which has the keyboard from its connection on. */
async function connected(path) {
  await open(path, furnish(new World()));
  await at.page.locator('[data-phase="connected"]').waitFor();
  await until(isInside);
}

async function until(holds) {
  for (let i = 0; i < 1500 && !(await holds()); i++)
    await at.page.waitForTimeout(20);
  assert.ok(await holds());
}

const isInside = () =>
  at.page.evaluate(
    () => document.activeElement?.closest(".hf-console-screen") !== null,
  );

async function leave() {
  await at.page.keyboard.press("Control+Shift+F");
  assert.equal(await isInside(), false);
  assert.equal(
    await at.page.evaluate(() => document.activeElement?.textContent),
    "Type into the console",
  );
}

describe("a console is no trap", () => {
  for (const [name, path] of Object.entries({
    "a machine's screen": "/vms/100/console",
    "a container's terminal": "/containers/102/console",
    "a node's shell": "/nodes/pve1/shell",
  })) {
    test(`${name} keeps the Tab key, says how to leave it, and is left for the whole page`, async () => {
      await connected(path);
      for (const key of ["Tab", "Shift+Tab", "Escape"]) {
        await at.page.keyboard.press(key);
        assert.ok(await isInside(), `${key} belongs to the console`);
      }
      await at.page.getByText("Ctrl+Shift+F leads out of it.").waitFor();
      await leave();
      assert.deepEqual(await unreached(), []);
      assert.equal(await isInside(), false, "Tab passes the console by");
      await picture(at.page, `left-${path.split("/")[1]}`);
    });
  }

  test("the keys that lead out are not left pressed in the machine", async () => {
    await connected("/vms/100/console");
    const [screen] = at.mock.world.consoles.values();
    await leave();
    await until(() => [0xffe1, 0xffe3].every((key) => screen.pressed.has(key)));
    await until(() => screen.held.size === 0);
  });

  test("keys that the browser keeps are sent by a menu", async () => {
    await connected("/vms/100/console");
    const [screen] = at.mock.world.consoles.values();
    await button("Send keys").click();
    await at.page.getByRole("menuitem", { name: "Print" }).waitFor();
    await picture(at.page, "console-keys");
    await at.page.getByRole("menuitem", { name: "Ctrl+Alt+Del" }).click();
    await until(() => screen.pressed.has(0xffff));
    await until(() => screen.held.size === 0);
    await until(isInside);
  });

  test("the button gives the terminal the keyboard again", async () => {
    await connected("/containers/102/console");
    await leave();
    await at.page.keyboard.press("Enter");
    assert.ok(await isInside());
    await at.page.keyboard.type("again\n");
    await at.page.locator(".xterm-rows").getByText("login: again").waitFor();
  });
});

describe("all that can be done is reached by Tab", () => {
  test("in the views of nodes, guests, storages, people", async () => {
    await open("/", furnish(new World()));
    assert.deepEqual(await eachView(VIEWS), {});
  });

  test("in the views of the cluster", async () => {
    await open("/", busyLab());
    assert.deepEqual(await eachView(CLUSTER_VIEWS), {});
  });

  test("and what cannot be reached is found", async () => {
    await open("/");
    await button("Create").evaluate((element) => (element.tabIndex = -1));
    const missed = await unreached();
    assert.equal(missed.length, 1);
    assert.match(missed[0], /Create/);
  });

  test("in a form, with its code unfolded; Escape leads back to the button that opened it", async () => {
    await open("/access");
    await button("Add user").focus();
    await at.page.keyboard.press("Enter");
    await dialog().waitFor();
    await dialog().getByRole("button", { name: "As code" }).press("Enter");
    await dialog().locator("code").first().waitFor();
    assert.deepEqual(await unreached("[role=dialog]"), []);
    await at.page.keyboard.press("Escape");
    await dialog().waitFor({ state: "detached" });
    assert.equal(
      await at.page.evaluate(() => document.activeElement?.textContent),
      "Add user",
    );
  });

  test("in the menus, by arrow keys", async () => {
    await open("/");
    await button("Create").focus();
    await at.page.keyboard.press("Enter");
    await at.page
      .getByRole("menuitem", { name: "Create virtual machine" })
      .waitFor();
    await at.page.keyboard.press("ArrowDown");
    const focused = () =>
      at.page.evaluate(() => document.activeElement?.textContent ?? "");
    for (let i = 0; i < 5 && !(await focused()).includes("container"); i++)
      await at.page.keyboard.press("ArrowDown");
    await at.page.keyboard.press("Enter");
    await dialog().getByText("Create container").first().waitFor();
  });
});
