// The walk through users and permissions: a user, a role, a permission and a token are made, the user sees what he may
// and nothing else, all of it is taken away. The same steps against a real node (see target.mjs) and the mock.
//
//   node --test tests/ui/people.test.mjs
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, logIn, openPage, picture } from "./browser.mjs";
import { openTarget } from "./target.mjs";

const USER = "walker-two@pve";
const SECRET = "long enough to be one";

let target, browser, page;

before(async () => {
  target = await openTarget();
  browser = await launch();
  page = await openPage(browser);
  await logIn(page, target);
});

after(async () => {
  assert.deepEqual(page?.problems ?? [], [], "the browser reports no error");
  await browser?.close();
  await target?.stop();
});

const dialog = () => page.getByRole("dialog");
const button = (name) => page.getByRole("button", { name, exact: true });
const press = (name) =>
  dialog().getByRole("button", { name, exact: true }).click();
const row = (text) => page.getByRole("row").filter({ hasText: text });
const field = (name) => dialog().locator(`#access-${name}`);
const go = (path) => page.goto(`${target.url}/#${path}`);

test("a user is made; refusals stand at their fields", async () => {
  await page.getByRole("tab", { name: "Users and permissions" }).click();
  await row("root@pam").waitFor();
  await button("Add user").click();
  await field("id").fill("no realm");
  await press("Add");
  await dialog()
    .locator("#access-id-note.pf-m-error, #access-id-note .pf-m-error")
    .first()
    .waitFor();
  await picture(page, "user-errors");
  await field("id").fill(USER);
  await field("password").fill(SECRET);
  await field("comment").fill("looks after the web servers");
  await press("Add");
  await row(USER).getByText("looks after the web servers").waitFor();
});

test("a group is made, and the user put into it", async () => {
  await go("/access/groups");
  await button("Add group").click();
  await field("id").fill("not a group");
  await press("Add");
  await dialog().locator("#access-id-note .pf-m-error").first().waitFor();
  await field("id").fill("walkers");
  await field("comment").fill("who look after servers");
  await press("Add");
  await row("walkers").getByText("who look after servers").waitFor();
  await go("/access");
  await button(`Edit ${USER}`).click();
  await field("firstname").fill("Wanda");
  await dialog().getByLabel("In the group walkers").check();
  await picture(page, "user-edit");
  await press("Save");
  for (const text of ["walkers", "Wanda"]) // a phone does not show all columns
    await row(USER).getByText(text).waitFor({ state: "attached" });
  await go("/access/groups");
  await row("walkers").getByText(USER).waitFor();
  await button("Describe walkers").click();
  await field("comment").fill("another");
  await press("Save");
  await row("walkers").getByText("another").waitFor();
  await picture(page, "groups");
  await button("Delete walkers").click();
  await press("Delete");
  await row("walkers").waitFor({ state: "detached" });
});

test("a role of some privileges", async () => {
  await go("/access/roles");
  await row("Administrator").getByText("Built in").waitFor();
  await button("Add role").click();
  await field("id").fill("WalkerRole");
  await dialog().getByLabel("VM.Audit", { exact: true }).check();
  await dialog().getByLabel("VM.PowerMgmt", { exact: true }).check();
  await press("Add");
  await row("WalkerRole").getByText("VM.PowerMgmt").waitFor();
});

test("a permission", async () => {
  await go("/access/permissions");
  await button("Add permission").click();
  await field("path").fill("nowhere");
  await field("holder").selectOption(`user ${USER}`);
  await field("role").selectOption("WalkerRole");
  await press("Add");
  await dialog().locator("#access-path-note .pf-m-error").first().waitFor();
  await field("path").fill("/vms");
  await press("Add");
  await row("/vms").getByText("WalkerRole").waitFor();
  await picture(page, "permissions");
});

test("a token, whose secret is told once", async () => {
  await go("/access/tokens");
  await button("Add API token").click();
  await field("user").selectOption(USER);
  await field("name").fill("robot");
  await press("Add");
  await dialog()
    .getByText("This secret is shown now and never again.")
    .waitFor();
  const secret = await dialog().locator("input").first().inputValue();
  assert.match(secret, /^[0-9a-f-]{36}$/);
  await picture(page, "token-secret");
  if (target.real) {
    const answer = await page.request.get(`${target.url}/api2/json/version`, {
      headers: {
        Authorization: `PVEAPIToken=${USER}!robot=${secret}`,
        Cookie: "",
      },
    });
    assert.equal(answer.status(), 200);
  }
  await dialog()
    .getByRole("button", { name: "Close", exact: true })
    .last()
    .click();
  await row(`${USER}!robot`).getByText("Its own").waitFor();
});

test("the user logs in and sees what he may", async () => {
  const own = await openPage(browser);
  await logIn(own, { ...target, user: USER, password: SECRET });
  await own.getByRole("heading", { name: "Data center" }).waitFor();
  if (target.real) {
    await own.goto(`${target.url}/#/access/users`);
    const listed = own.getByRole("row");
    await listed.filter({ hasText: USER }).waitFor();
    assert.equal(await listed.filter({ hasText: "root@pam" }).count(), 0);
  }
  await picture(own, "restricted");
  assert.deepEqual(own.problems, []);
  await own.context().close();
});

test("all of it is taken away", async () => {
  await go("/access/tokens");
  await button(`Delete ${USER}!robot`).click();
  await press("Delete");
  await row(`${USER}!robot`).waitFor({ state: "detached" });
  await go("/access/permissions");
  await button(`Take WalkerRole at /vms from ${USER}`).click();
  await press("Delete");
  await row("WalkerRole").waitFor({ state: "detached" });
  await go("/access/roles");
  await button("Delete WalkerRole").click();
  await press("Delete");
  await row("WalkerRole").waitFor({ state: "detached" });
  await go("/access/users");
  await button(`Delete ${USER}`).click();
  await press("Delete");
  await row(USER).waitFor({ state: "detached" });
});
