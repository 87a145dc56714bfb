// Snapshots, copies and moves of guests, against the mock: what is asked, what is warned of, what the view then shows.
//
//   node --test tests/ui/states.test.mjs
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { picture } from "./browser.mjs";
import { World } from "./mock/world.mjs";
import { furnish } from "./mock_server.mjs";
import { onMock } from "./mocked.mjs";

const { at, open, dialog, header, press, row } = onMock();

const names = async () => {
  const cells = at.page.locator(
    "table[aria-label=Snapshots] tbody td:first-child",
  );
  return (await cells.allInnerTexts()).map((text) =>
    text.replace("└", "").trim(),
  );
};
async function showsNames(expected) {
  for (let i = 0; i < 100; i++) {
    if (JSON.stringify(await names()) === JSON.stringify(expected)) return;
    await at.page.waitForTimeout(100);
  }
  assert.deepEqual(await names(), expected);
}

describe("snapshots", () => {
  test("one is taken, described, gone back to and deleted", async () => {
    await open("/vms/101/snapshots");
    await at.page.getByText("No snapshots yet").waitFor();
    await at.page
      .getByRole("button", { name: "Take snapshot", exact: true })
      .click();
    const name = dialog().locator("#snapshot-snapname");
    assert.equal(await name.inputValue(), "before-change");
    await dialog()
      .getByText(/as after a power cut/)
      .waitFor();
    await name.fill("1 wrong");
    await press("Take snapshot");
    await dialog()
      .locator("#snapshot-snapname-note")
      .getByText(/invalid configuration ID/)
      .waitFor();
    await picture(at.page, "snapshot-errors");
    await name.fill("first");
    await dialog().getByLabel("Keep the memory as well").check();
    assert.equal(
      await dialog()
        .getByText(/as after a power cut/)
        .count(),
      0,
    );
    await press("Take snapshot");
    await dialog().waitFor({ state: "detached" });
    await showsNames(["first", "Now"]);
    await at.page
      .getByRole("button", { name: "Take snapshot", exact: true })
      .click();
    await dialog().locator("#snapshot-snapname").fill("second");
    await press("Take snapshot");
    await showsNames(["first", "second", "Now"]);

    await row("second").getByRole("button", { name: "Describe" }).click();
    await dialog().locator("#describe-description").fill("after the update");
    await press("Save");
    await row("second").getByText("after the update").waitFor();

    await row("first").getByRole("button", { name: "Roll back" }).click();
    await dialog()
      .getByText(/written to its disks since/)
      .waitFor();
    await dialog()
      .getByText(/goes on from the memory/)
      .waitFor();
    await picture(at.page, "snapshot-rollback");
    await press("Roll back");
    await showsNames(["first", "second", "Now"]);
    await header().getByText("Stopped").waitFor();

    await row("first").getByRole("button", { name: "Delete" }).click();
    await press("Delete");
    await showsNames(["second", "Now"]);
  });

  test("a container's has no memory, and the next free name is offered", async () => {
    await open("/containers/102/snapshots");
    await at.page
      .getByRole("button", { name: "Take snapshot", exact: true })
      .click();
    assert.equal(await dialog().getByRole("checkbox").count(), 0);
    await press("Take snapshot");
    await showsNames(["before-change", "Now"]);
    await at.page
      .getByRole("button", { name: "Take snapshot", exact: true })
      .click();
    const name = dialog().locator("#snapshot-snapname");
    assert.equal(await name.inputValue(), "before-change-2");
  });
});

describe("clones", () => {
  test("refusals stand at their fields; the copy is shown", async () => {
    await open("/vms/101");
    await at.page.getByRole("button", { name: "Clone", exact: true }).click();
    while ((await dialog().locator("#clone-vmid").inputValue()) === "")
      await at.page.waitForTimeout(50);
    await dialog().locator("#clone-name").fill("not_a_name");
    await press("Clone");
    await dialog()
      .locator("#clone-name-note")
      .getByText(/valid DNS name/)
      .waitFor();
    await picture(at.page, "clone-errors");
    await dialog().locator("#clone-name").fill("the-copy");
    await press("Clone");
    await header().getByText("(the-copy)").waitFor();
  });
});

describe("moves", () => {
  const two = () => {
    const world = furnish(new World());
    world.nodes.push("pve2", "pve3");
    world.lacking = new Set(["pve3"]);
    return world;
  };

  test("what stands in the way is said before the button works; the view follows", async () => {
    const world = two();
    world.guests.get(100).running = false;
    await open("/vms/100", world);
    await at.page.getByRole("button", { name: "Move", exact: true }).click();
    await dialog()
      .getByText(/it is moved as it is/)
      .waitFor();
    const go = dialog().getByRole("button", { name: "Move", exact: true });
    await dialog().locator("#move-target").selectOption("pve3");
    await dialog()
      .getByText(/pve3 does not have what the guest's disks are on: local-lvm/)
      .waitFor();
    assert.equal(await go.isDisabled(), true);
    await picture(at.page, "move-refused");
    await dialog().locator("#move-target").selectOption("pve2");
    await go.click();
    await at.page
      .getByLabel("Breadcrumb")
      .getByRole("link", { name: "pve2" })
      .waitFor();
    assert.deepEqual(at.mock.world.moved, { target: "pve2" });
  });

  test("of a machine that runs the server does not say where it may go: any node that is there can be chosen", async () => {
    await open("/vms/100", two());
    await at.page.getByRole("button", { name: "Move", exact: true }).click();
    await dialog()
      .getByText(/moves while it runs/)
      .waitFor();
    await dialog().getByText("local-lvm:vm-100-disk-0, 32 GiB").waitFor();
    await press("Move");
    await at.page
      .getByLabel("Breadcrumb")
      .getByRole("link", { name: "pve2" })
      .waitFor();
    assert.deepEqual(at.mock.world.moved, {
      target: "pve2",
      online: "1",
      "with-local-disks": "1",
    });
  });

  test("a device of the node keeps it there", async () => {
    const world = two();
    world.guests.get(100).config.hostpci0 = "0000:01:00.0";
    await open("/vms/100", world);
    await at.page.getByRole("button", { name: "Move", exact: true }).click();
    await dialog()
      .getByText("It uses devices of this node: hostpci0")
      .waitFor();
    const go = dialog().getByRole("button", { name: "Move", exact: true });
    assert.equal(await go.isDisabled(), true);
  });

  test("a running container says that it is started again", async () => {
    await open("/containers/102", two());
    await at.page.getByRole("button", { name: "Move", exact: true }).click();
    await dialog()
      .getByText(/shut down, moved, and started again/)
      .waitFor();
    await press("Move");
    await at.page
      .getByLabel("Breadcrumb")
      .getByRole("link", { name: "pve2" })
      .waitFor();
    assert.deepEqual(at.mock.world.moved, { target: "pve2", restart: "1" });
  });

  test("alone there is nowhere to go", async () => {
    await open("/vms/100");
    await at.page.getByRole("button", { name: "Clone", exact: true }).waitFor();
    const moves = at.page.getByRole("button", { name: "Move", exact: true });
    assert.equal(await moves.count(), 0);
  });
});
