// News that arrive by themselves: states without a request, one stream for all pages of a browser, what is shown while
// the stream is away. Against the mock only.
//
//   node --test tests/ui/live.test.mjs
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openPage } from "./browser.mjs";
import { onMock } from "./mocked.mjs";

const { at, open, header, row } = onMock();

const listeners = () => at.mock.world.events.listeners.size;
async function until(isSo, what) {
  for (let i = 0; i < 150 && !isSo(); i++) await at.page.waitForTimeout(100);
  assert.ok(isSo(), what);
}
const listening = () => until(() => listeners() === 1, "the page listens");

/** From now on lists are not answered: what changes, the stream has told. */
async function withoutLists() {
  await at.page.waitForTimeout(500); // those that follow the stream's beginning
  for (const path of ["resources", "tasks"])
    await at.page.route(`**/api2/json/cluster/${path}`, () => undefined);
}

describe("states", () => {
  test("of guests and nodes change without a list", async () => {
    await open("/");
    await row("dns").getByText("Running").waitFor();
    await listening();
    await withoutLists();
    at.mock.world.guests.get(102).running = false;
    await row("dns").getByText("Stopped").waitFor();
    at.mock.world.offlineNodes.add("pve1");
    await at.page.getByText("Offline").first().waitFor();
  });

  test("of tasks too: a task of somebody else is seen to begin and end", async () => {
    await open("/");
    await listening();
    await withoutLists();
    at.mock.world.task("qmstart", 104, ["starting"], undefined, 1500);
    const bar = at.page.locator(".hf-taskbar");
    await bar.getByText("VM 104: start").waitFor();
    await bar.getByText("1 running").waitFor();
    await bar.getByText("OK").waitFor();
  });

  test("a changed configuration is read anew", async () => {
    await open("/vms/101/hardware");
    await listening();
    at.mock.world.guests.get(101).config.memory = "12288";
    await row("Memory").getByText("12288").waitFor();
  });

  test("a new guest is in the list, and one that is removed is not", async () => {
    await open("/");
    await listening();
    at.mock.world.addGuest("qemu", 150, "newcomer");
    await row("newcomer").waitFor();
    at.mock.world.guests.delete(150);
    await row("newcomer").waitFor({ state: "detached" });
  });
});

describe("the stream", () => {
  test("is one for all pages of a browser; the next page takes over", async () => {
    await open("/containers/102");
    await listening();
    const other = await at.page.context().newPage();
    await other.goto(`${at.mock.url}/#/containers/102`);
    const state = other.locator(".hf-header");
    await state.getByText("Running").waitFor();
    await other.waitForTimeout(1000);
    assert.equal(listeners(), 1, "the second page has none of its own");
    at.mock.world.guests.get(102).running = false;
    await state.getByText("Stopped").waitFor();
    await header().getByText("Stopped").waitFor();
    const first = at.page;
    at.page = other;
    at.page.problems = first.problems;
    await first.close();
    await until(() => listeners() === 1, "the second page listens now");
    at.mock.world.guests.get(102).running = true;
    await state.getByText("Running").waitFor();
  });

  test("ends with the session, and another user gets his own", async () => {
    await open("/");
    await listening();
    await at.page.getByRole("button", { name: /User menu/ }).click();
    await at.page.getByRole("menuitem", { name: "Log out" }).click();
    await at.page.getByLabel("User name").waitFor();
    await until(() => listeners() === 0, "nobody listens");
  });

  test("that is cut begins again; one that stays away is told, and lists are read instead", async () => {
    await open("/containers/102");
    await listening();
    at.mock.world.events.cut();
    await listening();
    at.mock.world.events.cut({ refuse: true });
    const told = at.page.getByText("Live updates are interrupted.");
    await told.waitFor();
    at.mock.world.guests.get(102).running = false;
    await header().getByText("Stopped").waitFor();
    at.mock.world.events.refuse = false;
    await told.waitFor({ state: "detached" });
  });

  test("without locks each page has its own", async () => {
    await open("/");
    await listening();
    const other = await openPage(at.browser);
    await other.addInitScript(() => delete Navigator.prototype.locks);
    await other.context().addCookies(await at.page.context().cookies());
    await other.goto(at.mock.url);
    await until(() => listeners() === 2, "both listen");
    assert.deepEqual(other.problems, []);
    await other.context().close();
  });
});
