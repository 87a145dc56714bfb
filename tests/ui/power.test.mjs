// What is done with a guest seldom: the menu of further actions; and where it is reached. Against the mock only.
//
//   node --test tests/ui/power.test.mjs
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { overflows, picture } from "./browser.mjs";
import { World } from "./mock/world.mjs";
import { furnish } from "./mock_server.mjs";
import { onMock } from "./mocked.mjs";

const { at, open, dialog, header, press, button } = onMock();

const menu = () => at.page.getByRole("menuitem");
const choose = async (name) => {
  await button("More actions").click();
  await at.page.getByRole("menuitem", { name, exact: true }).click();
};
const sent = (end) =>
  at.mock.world.requests.filter((line) => line.endsWith(end)).length;

describe("a machine", () => {
  test("stands still and goes on; what is offered follows its state", async () => {
    await open("/vms/101");
    await button("More actions").click();
    assert.deepEqual(await menu().allInnerTexts(), [
      "Reboot",
      "Reset",
      "Pause",
      "Hibernate",
    ]);
    await picture(at.page, "guest-menu-wide-light");
    await at.page.keyboard.press("Escape");
    await choose("Pause");
    await press("Pause");
    await header().getByText("paused").waitFor();
    await button("More actions").click();
    assert.deepEqual(await menu().allInnerTexts(), ["Go on", "Reset"]);
    await at.page.keyboard.press("Escape");
    await choose("Go on");
    await press("Go on");
    await header().getByText("Running").waitFor();
  });

  test("is reset after a warning, with its call as code", async () => {
    await open("/vms/101");
    await choose("Reset");
    await dialog()
      .getByText(/not saved to its disks is lost/)
      .waitFor();
    await dialog().getByRole("button", { name: "As code" }).click();
    await dialog()
      .getByText("pvesh create /nodes/pve1/qemu/101/status/reset")
      .waitFor();
    await picture(at.page, "guest-reset");
    await press("Cancel");
    assert.equal(sent("/status/reset"), 0);
    await choose("Reset");
    await press("Reset");
    await dialog().waitFor({ state: "detached" });
    assert.equal(sent("/status/reset"), 1);
  });

  test("is hibernated, and locked while it is", async () => {
    await open("/vms/101");
    await choose("Hibernate");
    await press("Hibernate");
    await header().getByText("Locked: suspended").waitFor();
  });

  test("that is off becomes a template, which cannot be started", async () => {
    await open("/vms/101");
    await button("Stop").click();
    await press("Stop");
    await header().getByText("Stopped").waitFor();
    await choose("Make a template");
    await press("Make a template");
    await button("Start").waitFor({ state: "detached" });
    await button("More actions").waitFor({ state: "detached" });
  });
});

describe("a container", () => {
  test("is rebooted; the menu fits on a phone", async () => {
    await open("/containers/102", undefined, { size: "phone", theme: "dark" });
    await button("More actions").click();
    assert.deepEqual(await menu().allInnerTexts(), ["Reboot"]);
    await picture(at.page, "guest-menu-phone-dark");
    assert.equal(await overflows(at.page), false);
    await at.page.keyboard.press("Escape");
    await choose("Reboot");
    await press("Reboot");
    await dialog().waitFor({ state: "detached" });
    assert.equal(sent("/lxc/102/status/reboot"), 1);
  });
});

describe("addresses", () => {
  test("a machine's agent tells them, a container's cards do", async () => {
    const world = furnish(new World());
    world.guests.get(100).config.agent = "enabled=1";
    await open("/vms/100", world);
    await at.page.getByText("192.0.2.80/24").waitFor();
    assert.equal(await at.page.getByText("fe80").count(), 0);
    await picture(at.page, "guest-addresses");
    await at.page.goto(`${at.mock.url}/#/containers/102`);
    await at.page.getByText("2001:db8::53/64").waitFor();
  });

  test("that nobody tells are not asked for, or said not to be known", async () => {
    const world = furnish(new World());
    world.guests.get(101).config.agent = "1";
    world.silentAgents = new Set([101]);
    await open("/vms/100", world);
    await at.page.getByText("the machine has no guest agent").waitFor();
    assert.equal(sent("/qemu/100/agent/network-get-interfaces"), 0);
    await at.page.goto(`${at.mock.url}/#/vms/101`);
    await at.page.getByText("the guest does not tell").waitFor();
  });
});
