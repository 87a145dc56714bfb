// What the views do with answers that a healthy node seldom gives (refusals, failures, outages), and how all of them
// look at both widths and in both themes. Against the mock only: it can be made to fail on demand.
//
//   node --test tests/ui/views.test.mjs
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { launch, logIn, openPage, overflows, picture } from "./browser.mjs";
import { World } from "./mock/world.mjs";
import { furnish, startMock } from "./mock_server.mjs";

let browser, mock, page;
before(async () => (browser = await launch()));
after(() => browser?.close());
afterEach(async () => {
  const problems = page.problems;
  await page.context().close();
  await mock.stop();
  assert.deepEqual(problems, [], "the browser reports no error");
});

async function open({
  world = furnish(new World()),
  path = "/",
  ...look
} = {}) {
  mock = await startMock({ world });
  page = await openPage(browser, look);
  await logIn(page, mock, path);
}

const dialog = () => page.getByRole("dialog");
const header = () => page.locator(".hf-header");
const shown = (text) => page.getByText(text).first().waitFor();

async function openCreate(kind) {
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await page.getByRole("menuitem", { name: `Create ${kind}` }).click();
  await dialog()
    .locator("#create-storage option")
    .first()
    .waitFor({ state: "attached" });
  while ((await dialog().locator("#create-vmid").inputValue()) === "")
    await page.waitForTimeout(50);
}

const send = () =>
  dialog().getByRole("button", { name: "Create", exact: true }).click();
const fieldError = (name) =>
  dialog().locator(`#create-${name}-note`).innerText();

describe("forms", () => {
  test("an empty field is asked for; the server's refusals stand at their fields and go away on change", async () => {
    await open();
    await openCreate("virtual machine");
    await dialog().locator("#create-cores").fill("");
    await send();
    assert.match(await fieldError("cores"), /must be filled in/);
    await dialog().locator("#create-cores").fill("1");
    await dialog().locator("#create-name").fill("not_a_name!");
    await dialog().locator("#create-bridge").fill(" ");
    await send();
    await dialog()
      .getByText(/does not look like a valid DNS name/)
      .waitFor();
    assert.match(
      await fieldError("bridge"),
      /net0.bridge: property is missing/,
    );
    await picture(page, "create-vm-errors");
    await dialog().locator("#create-name").fill("good-name");
    assert.equal(await dialog().locator("#create-name-note").count(), 0);
  });

  test("a refusal that belongs to no field stands above the form", async () => {
    await open();
    await openCreate("virtual machine");
    await dialog().locator("#create-vmid").fill("100");
    await send();
    await dialog()
      .getByText(/VM 100 already exists on node 'pve1'/)
      .waitFor();
  });

  test("a container is created from a template; its terminal takes keys", async () => {
    await open();
    await openCreate("container");
    await dialog()
      .locator("#create-template option")
      .first()
      .waitFor({ state: "attached" });
    await dialog().locator("#create-hostname").fill("ct-one");
    await dialog().locator("#create-password").fill("longenough");
    await dialog().locator("#create-ipMode").selectOption("static");
    await dialog().locator("#create-address").fill("nonsense");
    await send();
    await dialog()
      .locator("#create-address-note")
      .getByText(/valid IPv4 network/)
      .waitFor();
    await picture(page, "create-container-errors");
    await dialog().locator("#create-address").fill("192.0.2.10/24");
    await send();
    await header().getByText("(ct-one)").waitFor();
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await header().getByText("Running").waitFor();
    await page
      .getByRole("tab", { name: "Console" })
      .or(page.getByRole("link", { name: "Console" }))
      .first()
      .click();
    const rows = page.locator(".xterm-rows");
    await rows.getByText(/guest\d+ login:/).waitFor();
    await page.keyboard.type("admin\n");
    await rows.getByText("login: admin").waitFor();
  });

  test("without a template the container form says what to do", async () => {
    const world = new World();
    world.volumes = [];
    await open({ world });
    await openCreate("container");
    assert.equal(
      await dialog().locator("#create-template").inputValue(),
      "No template on this node",
    );
    await send();
    assert.match(await fieldError("template"), /must be filled in/);
  });
});

describe("tasks", () => {
  test("a failing task is announced, with the way to its log", async () => {
    const world = furnish(new World());
    world.addGuest("qemu", 109, "broken");
    await open({ world, path: "/vms/109" });
    await page.getByRole("button", { name: "Start", exact: true }).click();
    const toast = page.locator(".hf-toasts");
    await toast
      .getByText(
        /start failed: volume 'local-lvm:vm-109-disk-0' does not exist/,
      )
      .waitFor();
    await picture(page, "task-failed");
    await toast.getByRole("button", { name: "Show log" }).click();
    await page
      .getByRole("log")
      .getByText(/TASK ERROR: start failed/)
      .waitFor();
  });

  test("the log of a running task grows, and the task can be stopped", async () => {
    await open();
    mock.world.task(
      "qmstart",
      101,
      ["first line", "second line", "third line"],
      undefined,
      60_000,
    );
    mock.world.tasks[0].log.push("first line");
    await page.getByRole("button", { name: "Tasks", exact: true }).click();
    await page
      .locator("#task-drawer")
      .getByRole("button", { name: "VM 101: start" })
      .click();
    const log = page.getByRole("log");
    await log.getByText("first line").first().waitFor();
    mock.world.tasks[0].log.push("a later line");
    await log.getByText("a later line").waitFor();
    await page.getByRole("button", { name: "Stop task" }).click();
    await log.getByText(/received interrupt/).waitFor();
    assert.equal(
      await page.getByRole("button", { name: "Stop task" }).count(),
      0,
    );
  });

  test("a task has an address of its own", async () => {
    await open();
    const { upid } = mock.world.tasks.find((task) => task.type === "vzcreate");
    await page.goto(`${mock.url}/#/tasks/${encodeURIComponent(upid)}`);
    await page
      .getByRole("heading", { name: "Container 105: create" })
      .waitFor();
    await page
      .getByRole("log")
      .getByText(/TASK ERROR/)
      .waitFor();
  });
});

describe("storage", () => {
  test("a file is uploaded with progress, listed, and deleted after a warning", async () => {
    const directory = mkdtempSync(join(tmpdir(), "holdfast-ui-"));
    const file = join(directory, "small.iso");
    writeFileSync(file, Buffer.alloc(3_000_000));
    await open({ path: "/nodes/pve1/storage/local" });
    await page.getByRole("button", { name: "Upload" }).click();
    await dialog().locator("input[type=file]").setInputFiles(file);
    assert.equal(await dialog().locator("#upload-content").inputValue(), "iso");
    let release; // an answer that comes at once would close the dialog before the browser draws its bar
    mock.world.held = new Promise((resolve) => (release = resolve));
    await dialog().getByRole("button", { name: "Upload", exact: true }).click();
    await dialog()
      .getByText(/of 2.86 MiB sent/)
      .waitFor();
    release();
    const row = page.getByRole("row").filter({ hasText: "iso/small.iso" });
    await row.waitFor();
    rmSync(directory, { recursive: true });
    await row
      .getByRole("button", { name: "Delete local:iso/small.iso" })
      .click();
    await dialog()
      .getByText(/ISO image of 2.86 MiB. Its data is lost/)
      .waitFor();
    await picture(page, "delete-volume");
    await dialog().getByRole("button", { name: "Delete", exact: true }).click();
    await row.waitFor({ state: "detached" });
  });

  test("disks of a guest that exists cannot be deleted one by one", async () => {
    await open({ path: "/nodes/pve1/storage/local-lvm" });
    const row = page.getByRole("row").filter({ hasText: "vm-100-disk-0" });
    await row.waitFor();
    assert.equal(await row.getByRole("button").count(), 0);
    assert.equal(
      await page.getByRole("button", { name: "Upload" }).count(),
      0,
      "lvmthin takes no files",
    );
  });
});

describe("session and connection", () => {
  test("a reload keeps the session and the place", async () => {
    await open({ path: "/vms/100/hardware" });
    await page.reload();
    await page.getByRole("heading", { name: "Disks and drives" }).waitFor();
    await page.getByRole("button", { name: "Stop", exact: true }).click();
    await dialog().getByRole("button", { name: "Stop", exact: true }).click(); // needs the new CSRF token
    await header().getByText("Stopped").waitFor();
  });

  test("a ticket that is refused leads to the log-in page, and log-in back to the place", async () => {
    await open({ path: "/vms/101" });
    mock.world.tickets.clear();
    await shown("Your session has ended.");
    await picture(page, "session-expired");
    await page.getByLabel("User name").fill(mock.user);
    await page.locator("#login-password").fill(mock.password);
    await page.getByRole("button", { name: "Log in" }).click();
    await header().getByText("101 (database").waitFor();
  });

  test("the session is renewed before it ends", async () => {
    mock = await startMock({ world: furnish(new World()) });
    page = await openPage(browser);
    await page.clock.install();
    await logIn(page, mock);
    const logins = () =>
      mock.world.requests.filter(
        (line) => line === "POST /api2/json/access/ticket",
      ).length;
    assert.equal(logins(), 1);
    await page.clock.fastForward("00:31:00");
    while (logins() < 2) await page.waitForTimeout(100);
    await page.getByRole("button", { name: /User menu/ }).waitFor();
  });

  test("an outage is said at once and ends by itself", async () => {
    await open({ path: "/vms/100" });
    await mock.down();
    await shown("The server does not answer. What you see is from");
    await picture(page, "outage");
    mock.world.guests.get(100).running = false;
    await mock.up();
    await header().getByText("Stopped").waitFor();
    assert.equal(await page.getByText("The server does not answer").count(), 0);
  });

  test("a page that starts without a server offers to try again", async () => {
    await open();
    const route = "**/api2/json/access/ticket";
    await page.route(route, (request) => request.abort());
    await page.reload();
    await shown("The server does not answer.");
    await page.unroute(route);
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("heading", { name: "Data center" }).waitFor();
  });
});

describe("shell", () => {
  test("addresses that lead nowhere say so", async () => {
    await open({ path: "/no/such/place" });
    await shown("There is nothing here");
    await page.goto(`${mock.url}/#/vms/999`);
    await shown("There is no guest 999");
    await page.goto(`${mock.url}/#/nodes/nowhere`);
    await shown("There is no node nowhere");
    await page.getByRole("link", { name: "To the data center" }).click();
    await page.getByRole("heading", { name: "Data center" }).waitFor();
  });

  test("a cluster without guests offers to make one; a filter without a match says so", async () => {
    await open({ world: new World() });
    await shown("No guests yet");
    await picture(page, "empty");
    mock.world.addGuest("qemu", 100, "first");
    await page.getByRole("link", { name: "first" }).waitFor();
    await page.getByPlaceholder("Filter by name, id or tag").fill("nobody");
    await shown("No guest matches");
  });

  test("a node that is away is marked, and its guests stay listed", async () => {
    const world = furnish(new World());
    world.nodes.push("pve2");
    world.offlineNodes.add("pve2");
    world.addGuest("qemu", 200, "far-away", { node: "pve2" });
    await open({ world });
    await page.locator(".hf-tree").getByText("200 (far-away)").waitFor();
    await page.getByText("Offline").first().waitFor();
    await page
      .getByRole("row")
      .filter({ hasText: "far-away" })
      .getByText("Unknown")
      .waitFor();
    await picture(page, "node-offline");
    await page.goto(`${mock.url}/#/nodes/pve2`);
    await shown("pve2 does not answer.");
  });

  test("the theme is chosen, kept, and follows the system when asked to", async () => {
    await open();
    const dark = () =>
      page.evaluate(() =>
        document.documentElement.classList.contains("pf-v6-theme-dark"),
      );
    const choose = async (name) => {
      await page.getByRole("button", { name: /User menu/ }).click();
      await page.getByRole("menuitem", { name }).click();
      await page.keyboard.press("Escape");
    };
    await choose("Dark");
    assert.equal(await dark(), true);
    await page.reload();
    await page.getByRole("heading", { name: "Data center" }).waitFor();
    assert.equal(await dark(), true);
    await choose("As the system");
    assert.equal(await dark(), false);
    await page.emulateMedia({ colorScheme: "dark" });
    await page.locator("html.pf-v6-theme-dark").waitFor();
  });

  test("by keyboard alone: to a guest in the tree, its stop question, and out of it", async () => {
    await open();
    const tree = page.getByRole("tree").first();
    await tree.getByText("pve1").waitFor();
    await page.keyboard.press("Tab");
    await page.getByRole("link", { name: "Skip to content" }).waitFor();
    const focused = () =>
      page.evaluate(() => document.activeElement?.textContent ?? "");
    for (let i = 0; i < 30 && !(await focused()).includes("Data center"); i++)
      await page.keyboard.press("Tab");
    for (let i = 0; i < 10 && !(await focused()).startsWith("100"); i++)
      await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await header().getByText("100 (web-frontend)").waitFor();
    const stop = page.getByRole("button", { name: "Stop", exact: true });
    await stop.focus();
    await page.keyboard.press("Enter");
    await dialog().waitFor();
    await page.keyboard.press("Escape");
    await dialog().waitFor({ state: "detached" });
  });

  test("on a phone the tree opens over the page and closes after the choice", async () => {
    await open({ size: "phone" });
    const sidebar = page
      .locator("#page-sidebar, .pf-v6-c-page__sidebar")
      .first();
    assert.equal(await sidebar.getAttribute("aria-hidden"), "true");
    await page.getByRole("button", { name: "Resource tree" }).click();
    await page.waitForTimeout(400); // it slides
    await picture(page, "phone-tree");
    await page.locator(".hf-tree").getByText("102 (dns)").click();
    await header().getByText("102 (dns)").waitFor();
    assert.equal(await sidebar.getAttribute("aria-hidden"), "true");
  });

  test("the first page needs at most 500 kB, and no console code", async () => {
    mock = await startMock();
    page = await openPage(browser);
    const session = await page.context().newCDPSession(page);
    await session.send("Network.enable");
    let received = 0;
    session.on(
      "Network.loadingFinished",
      ({ encodedDataLength }) => (received += encodedDataLength),
    );
    await logIn(page, mock);
    await page.getByRole("heading", { name: "Data center" }).waitFor();
    const files = await page.evaluate(() =>
      performance.getEntriesByType("resource").map(({ name }) => name),
    );
    assert.ok(received > 100_000 && received < 500_000, `${received} bytes`);
    assert.deepEqual(
      files.filter((name) => /Vnc|Terminal/.test(name)),
      [],
    );
  });
});

describe("pictures", () => {
  const VIEWS = {
    datacenter: "/",
    node: "/nodes/pve1",
    welcome: "/welcome",
    "node-shell-console": "/nodes/pve1/shell",
    "node-disks": "/nodes/pve1/disks",
    "node-network": "/nodes/pve1/network",
    "node-system": "/nodes/pve1/system",
    "node-updates": "/nodes/pve1/updates",
    "node-journal": "/nodes/pve1/journal",
    "node-tasks": "/nodes/pve1/tasks",
    vm: "/vms/101",
    "vm-console": "/vms/100/console",
    "vm-stopped": "/vms/104/console",
    "vm-hardware": "/vms/100/hardware",
    "vm-snapshots": "/vms/100/snapshots",
    "vm-tasks": "/vms/100/tasks",
    container: "/containers/102",
    "container-console": "/containers/102/console",
    storage: "/nodes/pve1/storage/local",
    users: "/access",
    roles: "/access/roles",
    permissions: "/access/permissions",
    "not-found": "/nope",
  };
  for (const size of ["wide", "phone"]) {
    for (const theme of ["light", "dark"]) {
      test(`no view scrolls sideways: ${size}, ${theme}`, async () => {
        await open({ size, theme });
        const wide = [];
        const look = async (name) => {
          await page.waitForTimeout(400); // drawn, and the console connected
          await picture(page, `${name}-${size}-${theme}`);
          if (await overflows(page)) wide.push(name);
        };
        for (const [name, path] of Object.entries(VIEWS)) {
          await page.goto(`${mock.url}/#${path}`);
          await page
            .getByRole("heading", { level: 1 })
            .or(page.getByText("There is nothing here"))
            .first()
            .waitFor();
          while (await page.getByText("Loading…").count())
            await page.waitForTimeout(50);
          if (name.endsWith("-console"))
            await page.locator('[data-phase="connected"]').waitFor();
          await look(name);
        }
        await page.goto(`${mock.url}/#/`);
        await page.getByRole("button", { name: "Tasks", exact: true }).click();
        await look("drawer");
        await page
          .locator("#task-drawer")
          .getByRole("button", { name: "VM 100: create" })
          .click();
        await page.getByRole("log").getByText("TASK OK").waitFor();
        await look("drawer-log");
        await openCreate("virtual machine");
        await look("create-vm");
        await page.keyboard.press("Escape");
        await openCreate("container");
        await look("create-container");
        await page.keyboard.press("Escape");
        await page.getByRole("button", { name: /User menu/ }).click();
        await look("user-menu");
        await page.getByRole("menuitem", { name: "Log out" }).click();
        await page.getByLabel("User name").waitFor();
        await look("login");
        assert.deepEqual(wide, []);
      });
    }
  }
});
