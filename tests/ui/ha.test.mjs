// High availability against the mock: services with the reason for their state, what stands in the way, rules, moves,
// disarming, accounts of incidents.
//
//   node --test tests/ui/ha.test.mjs
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { overflows, picture } from "./browser.mjs";
import { busyLab, lab } from "./mock/labs.mjs";
import { onMock } from "./mocked.mjs";

const { at, open, dialog, button, press } = onMock();
const HA = "/datacenter/ha";

const shown = (text) => at.page.getByText(text).first().waitFor();
const shuts = () => dialog().waitFor({ state: "detached" });
/** A row of one of the lists. */
const row = (list, text) =>
  at.page
    .locator(`table[aria-label="${list}"]`)
    .getByRole("row")
    .filter({ hasText: text });

describe("services", () => {
  test("each says why it is where it is", async () => {
    await open(HA, busyLab());
    await row("Services", "vm:100").getByText("Started").first().waitFor();
    await row("Services", "vm:101")
      .getByText("It moves from pve1 to pve2.")
      .waitFor();
    const broken = row("Services", "ct:102");
    await broken.getByText(/Starting it failed on pve1, pve3/).waitFor();
    await broken.getByText(/where its local volumes are not/).waitFor();
    await row("Services", "vm:200")
      .getByText(/Here while pve3 is in maintenance/)
      .waitFor();
    await row("Services", "vm:200")
      .getByText("application-server-with-a-long-name")
      .waitFor();
    await row("Agents", "pve3").getByText("Maintenance").waitFor();
    await row("Agents", "pve2").getByText("None").waitFor();
    await picture(at.page, "ha-busy");
    at.mock.world.ha.services.get("vm:101").state = "recovery";
    await row("Services", "vm:101")
      .getByText(/Another node is looked for/)
      .waitFor();
    at.mock.world.ha.quorate = 0;
    await row("Services", "vm:101")
      .getByText("Without quorum nothing is decided.")
      .waitFor();
  });

  test("what stands in a guest's way is told before it is added", async () => {
    const world = busyLab();
    await open(HA, world);
    await button("Look after a guest").click();
    const guest = dialog().locator("#service-guest");
    assert.deepEqual(await guest.locator("option").allInnerTexts(), [
      "103 (mail-archive)",
      "104 (windows-build)",
    ]);
    await dialog()
      .getByText(/which does not have storage nfs-archive/)
      .waitFor();
    await dialog()
      .getByText(/Next step: enable the storage there/)
      .waitFor();
    await picture(at.page, "ha-add");
    assert.equal(await overflows(at.page), false);
    await guest.selectOption("vm:104");
    await dialog()
      .getByText(/nfs-archive/)
      .waitFor({ state: "detached" });
    await dialog().locator("#service-maxRestart").fill("9999");
    await dialog().locator("#service-comment").fill("built each night");
    await press("Add");
    await dialog()
      .locator("#service-maxRestart-note")
      .getByText(/maximum value of 1000/)
      .waitFor();
    await dialog().locator("#service-maxRestart").fill("3");
    await press("Add");
    await shuts();
    await row("Services", "vm:104")
      .getByText(/The manager has not taken it up yet/)
      .waitFor();
    assert.deepEqual(world.ha.services.get("vm:104").options, {
      state: "started",
      max_restart: "3",
      max_relocate: "1",
      failback: "1",
      comment: "built each night",
    });
  });

  test("a service is changed, and looked after no more", async () => {
    const world = busyLab();
    await open(HA, world);
    await button("Edit vm:100").click();
    assert.equal(
      await dialog().locator("#service-comment").inputValue(),
      "the shop",
    );
    await dialog().locator("#service-state").selectOption("ignored");
    await dialog().locator("#service-comment").fill("");
    await dialog().locator("#service-failback").uncheck();
    await press("Save");
    await row("Services", "vm:100")
      .getByText(/nobody starts, stops or recovers it/)
      .waitFor();
    const { options } = world.ha.services.get("vm:100");
    assert.deepEqual([options.comment, options.failback], [undefined, "0"]);
    assert.equal(await button("Move vm:100").isDisabled(), true);
    await button("Look after vm:100 no more").click();
    await dialog()
      .getByText(/The guest is left as it is/)
      .waitFor();
    await press("Remove");
    await row("Services", "vm:100").waitFor({ state: "detached" });
  });

  test("a move is asked for; what must be apart is in its way", async () => {
    const world = busyLab();
    await open(HA, world);
    await button("Move vm:100").click();
    await dialog().locator("#move-service-target").selectOption("pve2");
    await press("Move");
    await dialog()
      .getByText("vm:100 must be apart from what runs on pve2: vm:200")
      .waitFor();
    await picture(at.page, "ha-move-blocked");
    await dialog().locator("#move-service-target").selectOption("pve3");
    await dialog().locator("#move-service-how").selectOption("relocate");
    await press("Move");
    await shown("vm:100 is to move to pve3");
    assert.deepEqual(world.ha.moves, ["relocate vm:100 pve3"]);
  });
});

describe("the whole", () => {
  test("nothing looked after, nothing in the way", async () => {
    await open(HA, lab());
    await shown("No guest is looked after");
    await shown("Nothing to check");
    await shown("Nobody is fenced.");
    await shown("No rules");
    assert.equal(await button("Add rule").isDisabled(), true);
    await shown("No node was lost");
    await picture(at.page, "ha-empty");
  });

  test("it is disarmed and armed again", async () => {
    await open(HA, busyLab());
    await shown("They are fenced, and their guests");
    await button("Disarm").click();
    await dialog().locator("#disarm-mode").selectOption("ignore");
    await press("Disarm");
    await shown("Nobody is fenced, no guest recovered.");
    assert.equal(at.mock.world.ha.disarm, "ignore");
    await row("Services", "vm:101")
      .getByText(/is disarmed: it is left as it is/)
      .waitFor();
    await button("Arm again").click();
    await press("Arm again");
    await shown("They are fenced, and their guests");
  });

  test("findings are asked for again by their button", async () => {
    await open(HA, busyLab());
    await shown("nothing resets node 'pve2' when it hangs");
    assert.equal(
      await at.page.getByText(/nfs-archive/).count(),
      0,
      "of a guest that is no service",
    );
    at.mock.world.ha.findings = [];
    await button("Check again").click();
    await shown("guests of a lost node would come back");
  });

  test("the account of an incident", async () => {
    await open(HA, busyLab());
    await row("Incidents", "pve3").getByText("Over").waitFor();
    await button("Account of pve3").click();
    await dialog()
      .getByText(/First sign: 12 s before/)
      .waitFor();
    await dialog()
      .getByText("vm:200 was started on 'pve2' after 141 s")
      .waitFor();
    await dialog()
      .getByRole("log")
      .getByText(/left the cluster's membership/)
      .waitFor();
    await picture(at.page, "ha-incident");
    assert.equal(await overflows(at.page), false);
    await at.page.keyboard.press("Escape");
    await shuts();
  });

  test("a status that cannot be read is said, and asked for again", async () => {
    await open(HA, busyLab());
    await at.page.route("**/api2/json/cluster/ha/rules", (request) =>
      request.fulfill({ status: 500, json: { message: "rules: line 7\n" } }),
    );
    await at.page.reload();
    await shown("rules: line 7");
    await at.page.unroute("**/api2/json/cluster/ha/rules");
    await button("Try again").click();
    await row("Rules", "licences are bound").waitFor();
  });
});

describe("rules", () => {
  test("what they say, and why one is not followed", async () => {
    await open(HA, busyLab());
    await row("Rules", "shop-home")
      .getByText("Only pve1 (priority 2), pve2")
      .waitFor();
    await row("Rules", "copies")
      .getByText("contradicts rule 'shop-home'")
      .waitFor();
    await row("Rules", "copies")
      .getByText("Each on a node of its own")
      .waitFor();
  });

  test("one is added, changed and deleted, by keyboard", async () => {
    const world = busyLab();
    await open(HA, world);
    await button("Add rule").press("Enter");
    await dialog().locator("#rule-id").fill("1 wrong");
    await dialog()
      .getByLabel(/^vm:200 \(/)
      .press("Space");
    await dialog().getByLabel("Node pve3").selectOption("1");
    await dialog().locator("#rule-id").press("Enter");
    await dialog()
      .locator("#rule-id-note")
      .getByText(/invalid configuration ID/)
      .waitFor();
    await picture(at.page, "ha-rule");
    assert.equal(await overflows(at.page), false);
    await dialog().locator("#rule-id").fill("night");
    await dialog().locator("#rule-id").press("Enter");
    await shuts();
    await row("Rules", "night").getByText("pve3 (priority 1)").waitFor();
    const made = world.ha.rules.at(-1);
    assert.deepEqual(
      [made.type, made.resources, made.nodes, made.strict],
      ["node-affinity", "vm:200", "pve3:1", undefined],
    );

    await button("Edit rule night").press("Enter");
    await dialog().getByLabel("Node pve2").selectOption("0");
    await dialog().getByLabel("On no other node").press("Space");
    await dialog().getByLabel("In force").press("Space");
    await press("Save");
    await row("Rules", "night")
      .getByText("Only pve3 (priority 1), pve2")
      .waitFor();
    await row("Rules", "night").getByText("Off", { exact: true }).waitFor();

    await button("Delete rule night").press("Enter");
    await press("Delete");
    await row("Rules", "night").waitFor({ state: "detached" });
  });

  test("one that keeps services together has no nodes", async () => {
    const world = busyLab();
    await open(HA, world);
    await button("Add rule").click();
    await dialog().locator("#rule-kind").selectOption("together");
    assert.equal(await dialog().getByLabel("Node pve1").count(), 0);
    await dialog().locator("#rule-id").fill("pair");
    await dialog()
      .getByLabel(/^vm:100 \(/)
      .check();
    await dialog()
      .getByLabel(/^ct:102 \(/)
      .check();
    await press("Add");
    await row("Rules", "pair").getByText("Together on one node").waitFor();
    assert.equal(world.ha.rules.at(-1).affinity, "positive");
  });
});

describe("balancing", () => {
  test("moves with their reasons, what would be moved, and who takes part", async () => {
    const world = busyLab();
    await open(HA, world);
    await row("Moves", "vm:104").getByText("Failed").waitFor();
    await row("Moves", "vm:104")
      .getByText(/processors of pve1 were used by 81 %/)
      .waitFor();
    await shown("70 % of its processors, 60 % of its memory");
    await button("What would be moved now?").click();
    await shown(/Other machines: nothing, as the imbalance/);
    await shown(/Services: vm:100 from pve1 to pve3, as pve1 is used most/);
    await button("Who takes part").click();
    await dialog()
      .getByLabel(/Even out loads/)
      .check();
    await dialog().locator("#balance-guests").fill("100 102");
    await press("Save");
    await dialog()
      .locator("#balance-guests-note")
      .getByText("no such machines: 102")
      .waitFor();
    await dialog().locator("#balance-guests").fill("100, 101");
    await press("Save");
    await shuts();
    await shown("100, 101");
    assert.deepEqual(
      [world.ha.balance.enable, world.ha.balance.guests],
      [1, [100, 101]],
    );
  });
});
