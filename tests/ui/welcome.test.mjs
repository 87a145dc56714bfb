// The first-run page and its card. Against the mock only.
//
//   node --test tests/ui/welcome.test.mjs
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { overflows, picture } from "./browser.mjs";
import { makeCluster } from "./mock/cluster.mjs";
import { makeHost } from "./mock/host.mjs";
import { World } from "./mock/world.mjs";
import { furnish } from "./mock_server.mjs";
import { onMock } from "./mocked.mjs";

const { at, open, button } = onMock();

const card = () =>
  at.page.getByRole("heading", { name: "First steps", level: 2 });
const shown = (text) => at.page.getByText(text).first().waitFor();

describe("the card", () => {
  test("leads to the page while there is no guest, until somebody closes it", async () => {
    await open("/", new World());
    await card().waitFor();
    await at.page
      .getByRole("link", { name: "Look at the first steps" })
      .click();
    await at.page
      .getByRole("heading", { name: "First steps", level: 1 })
      .waitFor();
    await at.page.goBack();
    await button("Close the first steps").click();
    await card().waitFor({ state: "detached" });
    await at.page.reload();
    await shown("No guests yet");
    assert.equal(await card().count(), 0);
  });

  test("goes when there is a guest", async () => {
    await open("/", new World());
    await card().waitFor();
    at.mock.world.addGuest("qemu", 100, "first");
    await card().waitFor({ state: "detached" });
  });

  test("is not for people who may do nothing of it", async () => {
    await open("/", new World());
    await card().waitFor();
    await at.page.getByRole("button", { name: /User menu/ }).click();
    await at.page.getByRole("menuitem", { name: "Log out" }).click();
    await at.page.getByLabel("User name").fill("walker@pve");
    await at.page.locator("#login-password").fill("walker-secret");
    await at.page.getByRole("button", { name: "Log in" }).click();
    await shown("No guests yet");
    const asked = () =>
      at.mock.world.requests.filter((line) =>
        line.includes("/access/permissions"),
      ).length;
    while (asked() < 2) await at.page.waitForTimeout(50);
    assert.equal(await card().count(), 0);
  });
});

describe("the page", () => {
  test("tells what a new host has, and where the next step is done", async () => {
    const world = new World();
    world.host = makeHost();
    world.host.updates = [{ Package: "hostd", OldVersion: "1", Version: "2" }];
    await open("/welcome", world);
    await shown("pve1 is installed and runs.");
    await shown("2 disks are not used for anything.");
    await shown("over eno1");
    await shown("1 package has a newer version.");
    await shown("pve1 is by itself.");
    await picture(at.page, "welcome");
    for (const [name, heading] of [
      ["Disks of pve1", "Disks"],
      ["Upload to local", "local"],
      ["Network of pve1", "Network interfaces"],
      ["Updates of pve1", "Available updates"],
      ["Cluster", "pve1 belongs to no cluster"],
    ]) {
      await at.page
        .locator("#main, main")
        .first()
        .getByRole("link", { name, exact: true })
        .click();
      await at.page.getByRole("heading", { name: heading }).first().waitFor();
      await at.page.goBack();
    }
    await button("Do not show this again").click();
    await shown("No guests yet");
    assert.equal(await card().count(), 0);
  });

  test("says what it does not get, and stays within a phone", async () => {
    const world = makeCluster(furnish(new World()));
    world.storages = [];
    world.host = { ...makeHost(), disks: [] };
    await open("/welcome", world, { size: "phone", theme: "dark" });
    await shown("There is no storage yet");
    await shown("No newer versions are known.");
    await shown("belongs to the cluster lab, of 1 node.");
    await picture(at.page, "welcome-phone-dark");
    assert.equal(await overflows(at.page), false);
  });
});
