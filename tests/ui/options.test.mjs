// The cluster's options and pools, against the mock.
//
//   node --test tests/ui/options.test.mjs
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { overflows, picture } from "./browser.mjs";
import { lab } from "./mock/labs.mjs";
import { onMock } from "./mocked.mjs";

const { at, open, dialog, button, press, row } = onMock();

const shuts = () => dialog().waitFor({ state: "detached" });
const field = (name) => dialog().locator(`[id="options-${name}"]`);
/** The value that a card shows beside a label. */
const value = (label) =>
  at.page
    .locator(".pf-v6-c-description-list__group")
    .filter({ has: at.page.getByText(label, { exact: true }) })
    .locator("dd");

describe("options", () => {
  test("what is set and what is as usual; changes keep what has no field", async () => {
    const world = lab();
    world.options = {
      crs: "ha=static,of-tomorrow=7",
      "registered-tags": "prod;web",
      max_workers: "7",
    };
    await open("/datacenter/options", world);
    await value("Nodes are chosen by")
      .getByText("What services may use")
      .waitFor();
    await value("When a node is shut down, services")
      .getByText("As usual (Wait at a reboot, else come back elsewhere)")
      .waitFor();
    await value("Tags that only administrators set")
      .getByText("prod;web")
      .waitFor();
    await value("Guests stopped at once")
      .getByText("(no effect yet)")
      .waitFor();
    await picture(at.page, "options");
    await button("Edit: High availability").click();
    await picture(at.page, "options-ha");
    assert.equal(await overflows(at.page), false);
    await field("ha.shutdown_policy").selectOption("migrate");
    await field("crs.ha").selectOption("dynamic");
    await dialog().getByLabel("Even out loads by itself").check();
    await press("Save");
    await shuts();
    await value("Nodes are chosen by").getByText("What services use").waitFor();
    assert.deepEqual(world.options, {
      crs: "ha=dynamic,of-tomorrow=7,ha-auto-rebalance=1",
      ha: "shutdown_policy=migrate",
      "registered-tags": "prod;web",
      max_workers: "7",
    });
  });

  test("what is emptied is as usual again; refusals stand at their field", async () => {
    const world = lab();
    world.options = { migration: "type=insecure", description: "call Anna" };
    await open("/datacenter/options", world);
    await value("Protection").getByText(/None/).waitFor();
    await button("Edit: Moving guests").click();
    await field("migration.network").fill("nowhere");
    await field("migration.network").press("Enter");
    await dialog()
      .locator('[id="options-migration.type-note"]')
      .getByText(/no valid CIDR/)
      .waitFor();
    await field("migration.network").fill("");
    await field("migration.type").selectOption("");
    await press("Save");
    await value("Protection").getByText("As usual (Encrypted)").waitFor();
    await button("Edit: Notes, and options for other programs").click();
    await dialog()
      .locator('[id="options-max_workers-note"]')
      .getByText("the nodes do not follow it yet")
      .waitFor();
    await field("description").fill("call Anna\nor Ben");
    await press("Save");
    await value("Notes").getByText("or Ben").waitFor();
    assert.deepEqual(world.options, { description: "call Anna\nor Ben" });
  });
});

describe("pools", () => {
  test("one is made, filled, emptied and deleted", async () => {
    const world = lab();
    await open("/datacenter/pools", world);
    await at.page.getByText("No pools").waitFor();
    await button("Add pool").click();
    await dialog().locator("#pool-id").fill("not a pool");
    await press("Add");
    await dialog()
      .locator("#pool-id-note")
      .getByText(/no valid pool name/)
      .waitFor();
    await dialog().locator("#pool-id").fill("web/shop");
    await dialog().locator("#pool-comment").fill("the shop's machines");
    await press("Add");
    await row("web/shop").getByText("Empty").waitFor();

    await button("Put something into web/shop").click();
    await dialog().locator("#member-member").selectOption("guest 101");
    await press("Add");
    await row("web/shop").getByText("101 (database-primary").waitFor();
    await button("Put something into web/shop").click();
    const options = dialog().locator("#member-member option");
    assert.equal(await options.filter({ hasText: "101 (" }).count(), 0);
    await dialog().locator("#member-member").selectOption("storage local");
    await press("Add");
    await row("web/shop").getByText("local", { exact: true }).waitFor();
    await picture(at.page, "pools");

    await button("Delete pool web/shop").click();
    await press("Delete");
    await dialog().getByText("pool 'web/shop' is not empty").waitFor();
    await press("Cancel");
    for (const what of ["101", "local"]) {
      await button(`Take ${what} out of web/shop`).press("Enter");
      await button(`Take ${what} out of web/shop`).waitFor({
        state: "detached",
      });
    }
    await button("Describe web/shop").click();
    await dialog().locator("#pool-comment").fill("");
    await press("Save");
    await at.page
      .getByText("the shop's machines")
      .waitFor({ state: "detached" });
    await button("Delete pool web/shop").click();
    await press("Delete");
    await at.page.getByText("No pools").waitFor();
  });
});
