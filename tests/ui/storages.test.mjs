// Which storages the cluster has: added, changed, switched off, forgotten. Against the mock only.
//
//   node --test tests/ui/storages.test.mjs
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { overflows, picture } from "./browser.mjs";
import { onMock } from "./mocked.mjs";

const { at, open, dialog, press, button, row } = onMock();

const TAB = "/datacenter/storage";
const shuts = () => dialog().waitFor({ state: "detached" });
const field = (name) => dialog().locator(`[id="storage-${name}"]`);
const note = (name) => dialog().locator(`[id="storage-${name}-note"]`);
const config = (storage) => at.mock.world.storageConfigs.get(storage);

describe("storages of the cluster", () => {
  test("are told with where they are and what they hold", async () => {
    await open(TAB);
    await row("local-lvm").getByText("pve/data").waitFor();
    await row("local-lvm").getByText("LVM, thin").waitFor();
    await row("/var/lib/vz").getByText("ISO image").waitFor();
    await picture(at.page, "storages-wide-light");
  });

  test("one is added; its form follows its type, refusals stand at their field", async () => {
    await open(TAB);
    await button("Add storage").click();
    await field("storage").fill("images");
    await press("Add");
    await note("path").getByText("must be filled in").waitFor();
    await field("path").fill("srv");
    await press("Add");
    await note("path").getByText("valid absolute path").waitFor();
    await picture(at.page, "storage-add-errors");
    await field("type").selectOption("nfs");
    assert.equal(await field("path").count(), 0);
    await field("server").fill("nas.example");
    await field("export").fill("/srv/images");
    await field("nodes").fill("pve1, pve2");
    await dialog().getByLabel("Disk image").uncheck();
    await dialog().getByLabel("Backup").check();
    await press("Add");
    await shuts();
    await row("nas.example:/srv/images").getByText("In use").waitFor();
    assert.deepEqual(config("images"), {
      type: "nfs",
      server: "nas.example",
      export: "/srv/images",
      nodes: "pve1,pve2",
      content: "iso,vztmpl,import,backup",
    });
  });

  test("one is changed, keeping what has no field", async () => {
    await open(TAB);
    await button("Edit local").click();
    assert.equal(await field("path").count(), 0, "it is as it was made");
    await dialog().getByLabel("Snippet").uncheck();
    await dialog().getByLabel("All nodes see the same there").check();
    await press("Save");
    await shuts();
    await row("/var/lib/vz")
      .getByText("Snippet")
      .waitFor({ state: "detached" });
    assert.deepEqual(config("local"), {
      type: "dir",
      path: "/var/lib/vz",
      "prune-backups": "keep-all=1",
      shared: "1",
      content: "iso,vztmpl,import,backup",
    });
  });

  test("one is switched off and on again; one that guests use is not forgotten", async () => {
    await open(TAB);
    await button("Switch local off").click();
    await dialog().getByText("guests with disks there do not start").waitFor();
    await press("Switch off");
    await row("/var/lib/vz").getByText("Switched off").waitFor();
    await button("Switch local on").click();
    await press("Switch on");
    await row("/var/lib/vz").getByText("In use").waitFor();
    await button("Forget local-lvm").click();
    await press("Forget");
    await dialog().getByText("move their disks first").waitFor();
    await picture(at.page, "storage-forget");
    await press("Cancel");
    await button("Forget local").click();
    await press("Forget");
    await row("/var/lib/vz").waitFor({ state: "detached" });
  });

  test("one without a driver is listed; on a phone nothing is cut off", async () => {
    await open(TAB, undefined, { size: "phone", theme: "dark" });
    await row("/var/lib/vz").waitFor();
    at.mock.world.storageConfigs.set("vault", {
      type: "pbs",
      server: "backup.example",
      datastore: "one",
      content: "backup",
    });
    await at.page.reload();
    await row("backup.example:one").getByText("No driver here").waitFor();
    assert.equal(await button("Edit vault").count(), 0);
    await picture(at.page, "storages-phone-dark");
    assert.equal(await overflows(at.page), false);
    await button("Add storage").click();
    await picture(at.page, "storage-add-phone-dark");
    assert.equal(await overflows(at.page), false);
  });
});
