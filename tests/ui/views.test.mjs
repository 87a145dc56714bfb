// What the views do with answers that a healthy node seldom gives (refusals, failures, outages), and how all of them
// look at both widths and in both themes. Against the mock only: it can be made to fail on demand.
//
//   node --test tests/ui/views.test.mjs
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { logIn, overflows, picture } from "./browser.mjs";
import { World } from "./mock/world.mjs";
import { furnish } from "./mock_server.mjs";
import { onMock } from "./mocked.mjs";

const { at, begin, open, dialog, header } = onMock();

const shown = (text) => at.page.getByText(text).first().waitFor();

async function openCreate(kind) {
  await at.page.getByRole("button", { name: "Create", exact: true }).click();
  await at.page.getByRole("menuitem", { name: `Create ${kind}` }).click();
  await dialog()
    .locator("#create-storage option")
    .first()
    .waitFor({ state: "attached" });
  while ((await dialog().locator("#create-vmid").inputValue()) === "")
    await at.page.waitForTimeout(50);
}

const send = () =>
  dialog().getByRole("button", { name: "Create", exact: true }).click();
const fieldError = (name) =>
  dialog().locator(`#create-${name}-note`).innerText();

describe("forms", () => {
  test("an empty field is asked for; the server's refusals stand at their fields and go away on change", async () => {
    await open("/");
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
    await picture(at.page, "create-vm-errors");
    await dialog().locator("#create-name").fill("good-name");
    assert.equal(await dialog().locator("#create-name-note").count(), 0);
  });

  test("a refusal that belongs to no field stands above the form", async () => {
    await open("/");
    await openCreate("virtual machine");
    await dialog().locator("#create-vmid").fill("100");
    await send();
    await dialog()
      .getByText(/VM 100 already exists on node 'pve1'/)
      .waitFor();
  });

  test("a container is created from a template; its terminal takes keys", async () => {
    await open("/");
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
    await picture(at.page, "create-container-errors");
    await dialog().locator("#create-address").fill("192.0.2.10/24");
    await send();
    await header().getByText("(ct-one)").waitFor();
    await at.page.getByRole("button", { name: "Start", exact: true }).click();
    await header().getByText("Running").waitFor();
    await at.page
      .getByRole("tab", { name: "Console" })
      .or(at.page.getByRole("link", { name: "Console" }))
      .first()
      .click();
    const rows = at.page.locator(".xterm-rows");
    await rows.getByText(/guest\d+ login:/).waitFor();
    await at.page.keyboard.type("admin\n");
    await rows.getByText("login: admin").waitFor();
  });

  test("without a template the container form says what to do", async () => {
    const world = new World();
    world.volumes = [];
    await open("/", world);
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
    await open("/vms/109", world);
    await at.page.getByRole("button", { name: "Start", exact: true }).click();
    const toast = at.page.locator(".hf-toasts");
    await toast
      .getByText(
        /start failed: volume 'local-lvm:vm-109-disk-0' does not exist/,
      )
      .waitFor();
    await picture(at.page, "task-failed");
    await toast.getByRole("button", { name: "Show log" }).click();
    await at.page
      .getByRole("log")
      .getByText(/TASK ERROR: start failed/)
      .waitFor();
    await toast.getByText("VM 109: start").waitFor({ state: "detached" });
  });

  test("the log of a running task grows, and the task can be stopped", async () => {
    await open("/");
    at.mock.world.task(
      "qmstart",
      101,
      ["first line", "second line", "third line"],
      undefined,
      60_000,
    );
    at.mock.world.tasks[0].log.push("first line");
    await at.page.getByRole("button", { name: "Tasks", exact: true }).click();
    await at.page
      .locator("#task-drawer")
      .getByRole("button", { name: "VM 101: start" })
      .click();
    const log = at.page.getByRole("log");
    await log.getByText("first line").first().waitFor();
    at.mock.world.tasks[0].log.push("a later line");
    await log.getByText("a later line").waitFor();
    await at.page.getByRole("button", { name: "Stop task" }).click();
    await log.getByText(/received interrupt/).waitFor();
    assert.equal(
      await at.page.getByRole("button", { name: "Stop task" }).count(),
      0,
    );
  });

  test("a task has an address of its own", async () => {
    await open("/");
    const { upid } = at.mock.world.tasks.find(
      (task) => task.type === "vzcreate",
    );
    await at.page.goto(`${at.mock.url}/#/tasks/${encodeURIComponent(upid)}`);
    await at.page
      .getByRole("heading", { name: "Container 105: create" })
      .waitFor();
    await at.page
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
    await open("/nodes/pve1/storage/local");
    await at.page.getByRole("button", { name: "Upload" }).click();
    await dialog().locator("input[type=file]").setInputFiles(file);
    assert.equal(await dialog().locator("#upload-content").inputValue(), "iso");
    let release; // an answer that comes at once would close the dialog before the browser draws its bar
    at.mock.world.held = new Promise((resolve) => (release = resolve));
    await dialog().getByRole("button", { name: "Upload", exact: true }).click();
    await dialog()
      .getByText(/of 2.86 MiB sent/)
      .waitFor();
    release();
    const row = at.page.getByRole("row").filter({ hasText: "iso/small.iso" });
    await row.waitFor();
    rmSync(directory, { recursive: true });
    await row
      .getByRole("button", { name: "Delete local:iso/small.iso" })
      .click();
    await dialog()
      .getByText(/ISO image of 2.86 MiB. Its data is lost/)
      .waitFor();
    await picture(at.page, "delete-volume");
    await dialog().getByRole("button", { name: "Delete", exact: true }).click();
    await row.waitFor({ state: "detached" });
  });

  test("disks of a guest that exists cannot be deleted one by one", async () => {
    await open("/nodes/pve1/storage/local-lvm");
    const row = at.page.getByRole("row").filter({ hasText: "vm-100-disk-0" });
    await row.waitFor();
    assert.equal(await row.getByRole("button").count(), 0);
    assert.equal(
      await at.page.getByRole("button", { name: "Upload" }).count(),
      0,
      "lvmthin takes no files",
    );
  });
});

describe("session and connection", () => {
  test("a reload keeps the session and the place", async () => {
    await open("/vms/100/hardware");
    await at.page.reload();
    await at.page.getByRole("heading", { name: "Disks and drives" }).waitFor();
    await at.page.getByRole("button", { name: "Stop", exact: true }).click();
    await dialog().getByRole("button", { name: "Stop", exact: true }).click(); // needs the new CSRF token
    await header().getByText("Stopped").waitFor();
  });

  test("a ticket that is refused leads to the log-in page, and log-in back to the place", async () => {
    await open("/vms/101");
    at.mock.world.tickets.clear();
    await shown("Your session has ended.");
    await picture(at.page, "session-expired");
    await at.page.getByLabel("User name").fill(at.mock.user);
    await at.page.locator("#login-password").fill(at.mock.password);
    await at.page.getByRole("button", { name: "Log in" }).click();
    await header().getByText("101 (database").waitFor();
  });

  test("the session is renewed before it ends", async () => {
    await begin();
    await at.page.clock.install();
    await logIn(at.page, at.mock);
    const logins = () =>
      at.mock.world.requests.filter(
        (line) => line === "POST /api2/json/access/ticket",
      ).length;
    assert.equal(logins(), 1);
    await at.page.clock.fastForward("00:31:00");
    while (logins() < 2) await at.page.waitForTimeout(100);
    await at.page.getByRole("button", { name: /User menu/ }).waitFor();
  });

  test("an outage is said at once and ends by itself", async () => {
    await open("/vms/100");
    await header().getByText("Running").waitFor();
    await at.mock.down();
    await shown("The server does not answer. What you see is from");
    await picture(at.page, "outage");
    at.mock.world.guests.get(100).running = false;
    await at.mock.up();
    await header().getByText("Stopped").waitFor();
    assert.equal(
      await at.page.getByText("The server does not answer").count(),
      0,
    );
  });

  test("a part that cannot be loaded says so, and is there when the server is", async () => {
    await open("/");
    await at.page.getByRole("heading", { name: "Data center" }).waitFor();
    const part = "**/assets/GuestPage*.js";
    await at.page.route(part, (request) => request.abort());
    await at.page.goto(`${at.mock.url}/#/vms/100`);
    await shown("The server did not answer when this part was opened");
    at.page.problems.length = 0; // the browser's, of the part
    await picture(at.page, "part-not-loaded");
    await at.page.goto(`${at.mock.url}/#/`);
    await at.page.getByRole("heading", { name: "Data center" }).waitFor();
    await at.page.goto(`${at.mock.url}/#/vms/100`);
    await shown("The server did not answer when this part was opened");
    at.page.problems.length = 0;
    await at.mock.down();
    await shown("The server does not answer. What you see is from");
    await at.page.unroute(part);
    await at.mock.up();
    await header().getByText("Running").waitFor();
  });

  test("a page that starts without a server offers to try again", async () => {
    await open("/");
    const route = "**/api2/json/access/ticket";
    await at.page.route(route, (request) => request.abort());
    await at.page.reload();
    await shown("The server does not answer.");
    await at.page.unroute(route);
    await at.page.getByRole("button", { name: "Try again" }).click();
    await at.page.getByRole("heading", { name: "Data center" }).waitFor();
  });
});

describe("shell", () => {
  test("addresses that lead nowhere say so", async () => {
    await open("/no/such/place");
    await shown("There is nothing here");
    await at.page.goto(`${at.mock.url}/#/vms/999`);
    await shown("There is no guest 999");
    await at.page.goto(`${at.mock.url}/#/nodes/nowhere`);
    await shown("There is no node nowhere");
    await at.page.getByRole("link", { name: "To the data center" }).click();
    await at.page.getByRole("heading", { name: "Data center" }).waitFor();
  });

  test("a cluster without guests offers to make one; a filter without a match says so", async () => {
    await open("/", new World());
    await shown("No guests yet");
    await picture(at.page, "empty");
    at.mock.world.addGuest("qemu", 100, "first");
    await at.page.getByRole("link", { name: "first" }).waitFor();
    await at.page.getByPlaceholder("Filter by name, id or tag").fill("nobody");
    await shown("No guest matches");
  });

  test("a node that is away is marked, and its guests stay listed", async () => {
    const world = furnish(new World());
    world.nodes.push("pve2");
    world.offlineNodes.add("pve2");
    world.addGuest("qemu", 200, "far-away", { node: "pve2" });
    await open("/", world);
    await at.page.locator(".hf-tree").getByText("200 (far-away)").waitFor();
    await at.page.getByText("Offline").first().waitFor();
    await at.page
      .getByRole("row")
      .filter({ hasText: "far-away" })
      .getByText("Unknown")
      .waitFor();
    await picture(at.page, "node-offline");
    for (const path of ["/nodes/pve2", "/vms/200"]) {
      await at.page.goto(`${at.mock.url}/#${path}`);
      await shown("pve2 does not answer.");
    }
  });

  test("the theme is chosen, kept, and follows the system when asked to", async () => {
    await open("/");
    const dark = () =>
      at.page.evaluate(() =>
        document.documentElement.classList.contains("pf-v6-theme-dark"),
      );
    const choose = async (name) => {
      await at.page.getByRole("button", { name: /User menu/ }).click();
      await at.page.getByRole("menuitem", { name }).click();
      await at.page.keyboard.press("Escape");
    };
    await choose("Dark");
    assert.equal(await dark(), true);
    await at.page.reload();
    await at.page.getByRole("heading", { name: "Data center" }).waitFor();
    assert.equal(await dark(), true);
    await choose("As the system");
    assert.equal(await dark(), false);
    await at.page.emulateMedia({ colorScheme: "dark" });
    await at.page.locator("html.pf-v6-theme-dark").waitFor();
  });

  test("the user menu leads to the description of the API", async () => {
    await open("/");
    await at.page.getByRole("button", { name: /User menu/ }).click();
    const link = at.page.getByRole("menuitem", { name: /API of this host/ });
    assert.equal(await link.getAttribute("href"), "/api-viewer/");
    assert.equal(await link.getAttribute("target"), "_blank");
  });

  test("by keyboard alone: to a guest in the tree, its stop question, and out of it", async () => {
    await open("/");
    const tree = at.page.getByRole("tree").first();
    await tree.getByText("pve1").waitFor();
    await at.page.keyboard.press("Tab");
    await at.page.getByRole("link", { name: "Skip to content" }).waitFor();
    const focused = () =>
      at.page.evaluate(() => document.activeElement?.textContent ?? "");
    for (let i = 0; i < 30 && !(await focused()).includes("Data center"); i++)
      await at.page.keyboard.press("Tab");
    for (let i = 0; i < 10 && !(await focused()).startsWith("100"); i++)
      await at.page.keyboard.press("ArrowDown");
    await at.page.keyboard.press("Enter");
    await header().getByText("100 (web-frontend)").waitFor();
    const stop = at.page.getByRole("button", { name: "Stop", exact: true });
    await stop.focus();
    await at.page.keyboard.press("Enter");
    await dialog().waitFor();
    await at.page.keyboard.press("Escape");
    await dialog().waitFor({ state: "detached" });
  });

  test("on a phone the tree opens over the page and closes after the choice", async () => {
    await open("/", undefined, { size: "phone" });
    const sidebar = at.page
      .locator("#page-sidebar, .pf-v6-c-page__sidebar")
      .first();
    assert.equal(await sidebar.getAttribute("aria-hidden"), "true");
    await at.page.getByRole("button", { name: "Resource tree" }).click();
    await at.page.waitForTimeout(400); // it slides
    await picture(at.page, "phone-tree");
    await at.page.locator(".hf-tree").getByText("102 (dns)").click();
    await header().getByText("102 (dns)").waitFor();
    assert.equal(await sidebar.getAttribute("aria-hidden"), "true");
    await at.page.getByRole("button", { name: "Resource tree" }).click();
    await at.page.locator(".hf-tree").getByText("102 (dns)").click(); // it is there already
    await at.page
      .locator(".pf-v6-c-page__sidebar.pf-m-collapsed")
      .waitFor({ state: "attached" });
  });

  test("the first page needs at most 500 kB, and no console code", async () => {
    await begin(new World());
    const session = await at.page.context().newCDPSession(at.page);
    await session.send("Network.enable");
    let received = 0;
    session.on(
      "Network.loadingFinished",
      ({ encodedDataLength }) => (received += encodedDataLength),
    );
    await logIn(at.page, at.mock);
    await at.page.getByRole("heading", { name: "Data center" }).waitFor();
    const files = await at.page.evaluate(() =>
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
        await open("/", undefined, { size, theme });
        const wide = [];
        const look = async (name) => {
          await at.page.waitForTimeout(400); // drawn, and the console connected
          await picture(at.page, `${name}-${size}-${theme}`);
          if (await overflows(at.page)) wide.push(name);
        };
        for (const [name, path] of Object.entries(VIEWS)) {
          await at.page.goto(`${at.mock.url}/#${path}`);
          await at.page
            .getByRole("heading", { level: 1 })
            .or(at.page.getByText("There is nothing here"))
            .first()
            .waitFor();
          while (await at.page.getByText("Loading…").count())
            await at.page.waitForTimeout(50);
          if (name.endsWith("-console"))
            await at.page.locator('[data-phase="connected"]').waitFor();
          await look(name);
        }
        await at.page.goto(`${at.mock.url}/#/`);
        await at.page
          .getByRole("button", { name: "Tasks", exact: true })
          .click();
        await look("drawer");
        await at.page
          .locator("#task-drawer")
          .getByRole("button", { name: "VM 100: create" })
          .click();
        await at.page.getByRole("log").getByText("TASK OK").waitFor();
        await look("drawer-log");
        await openCreate("virtual machine");
        await look("create-vm");
        await at.page.keyboard.press("Escape");
        await openCreate("container");
        await look("create-container");
        await at.page.keyboard.press("Escape");
        await at.page.getByRole("button", { name: /User menu/ }).click();
        await look("user-menu");
        await at.page.getByRole("menuitem", { name: "Log out" }).click();
        await at.page.getByLabel("User name").waitFor();
        await look("login");
        assert.deepEqual(wide, []);
      });
    }
  }
});
