// Machines and disks from files: an appliance is brought, looked at, changed and made; images as disks of new machines and
// of old ones. Against the mock only.
//
//   node --test tests/ui/imports.test.mjs
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { overflows, picture } from "./browser.mjs";
import { onMock } from "./mocked.mjs";

const { at, open, dialog, header, press, button, row } = onMock();

const STORAGE = "/nodes/pve1/storage/local";
const field = (name) => dialog().locator(`[id="create-${name}"]`);
const note = (name) => dialog().locator(`[id="create-${name}-note"]`);
const options = (name) => field(name).locator("option");
const offered = (name) => options(name).first().waitFor({ state: "attached" });

async function openAppliance() {
  await button("Import local:import/accounting.ova").click();
  await field("scsi1").waitFor();
  await offered("scsi1");
  while ((await field("vmid").inputValue()) === "")
    await at.page.waitForTimeout(50);
}

describe("an appliance", () => {
  test("is uploaded as what it is, and can be imported", async () => {
    const directory = mkdtempSync(join(tmpdir(), "holdfast-ui-"));
    const file = join(directory, "new.ova");
    writeFileSync(file, Buffer.alloc(1000));
    await open(STORAGE);
    await button("Upload").click();
    await dialog().locator("input[type=file]").setInputFiles(file);
    assert.equal(
      await dialog().locator("#upload-content").inputValue(),
      "import",
    );
    await press("Upload");
    await button("Import local:import/new.ova").waitFor();
    rmSync(directory, { recursive: true });
  });

  test("shows what its description says, and becomes a machine as it was changed", async () => {
    await open(STORAGE);
    await openAppliance();
    await dialog()
      .getByText("Each disk is first extracted beside the archive")
      .waitFor();
    assert.equal(await field("name").inputValue(), "accounting");
    assert.equal(await field("memory").inputValue(), "8192");
    assert.equal(await field("scsihw").inputValue(), "lsi");
    await dialog().getByText("scsi1: accounting-disk2.vmdk, 500 GiB").waitFor();
    assert.deepEqual(await options("model.net1").first().innerText(), "pcnet");
    await picture(at.page, "import-wide-light");

    await field("ostype").selectOption("l26");
    assert.equal(await field("scsihw").inputValue(), "virtio-scsi-single");
    await field("scsi1").selectOption({ label: "Leave out" });
    await field("net0").fill(" ");
    await press("Import");
    await note("net0").getByText("net0.bridge: property is missing").waitFor();
    await field("net0").fill("vmbr1");
    await field("model.net0").selectOption("virtio");
    await field("net1").fill("");
    await field("cores").fill("2");
    await press("Import");
    await header().getByText("(accounting)").waitFor();
    const made = [...at.mock.world.guests.values()].at(-1);
    assert.deepEqual(made.imported, {
      scsi0: {
        storage: "local-lvm",
        from: "local:import/accounting.ova/accounting-disk1.vmdk",
      },
    });
    assert.equal(made.config.boot, "order=scsi0");
    assert.equal(made.config.net0, "virtio,bridge=vmbr1");
    assert.equal(made.config.net1, undefined);
    assert.equal(made.config.cores, 2);
  });

  test("fits on a phone, in the dark", async () => {
    await open(STORAGE, undefined, { size: "phone", theme: "dark" });
    await openAppliance();
    await picture(at.page, "import-phone-dark");
    assert.equal(await overflows(at.page), false);
  });

  test("that holds no description says so", async () => {
    await open(STORAGE);
    await button("Import local:import/broken.ova").click();
    await dialog().getByText("holds no description (.ovf)").waitFor();
    await dialog().getByRole("button", { name: "Try again" }).waitFor();
    await picture(at.page, "import-broken");
  });

  test("where no storage takes disks nothing is made by accident", async () => {
    await open(STORAGE);
    at.mock.world.storages.pop();
    await button("Import local:import/debian-13-cloud.qcow2").click();
    assert.equal(
      await field("scsi0").inputValue(),
      "No storage of this node takes disk images",
    );
    while ((await field("vmid").inputValue()) === "")
      await at.page.waitForTimeout(50);
    await press("Import");
    await note("scsi0").getByText("must be filled in").waitFor();
  });
});

describe("an image", () => {
  test("becomes a machine of its own", async () => {
    await open(STORAGE);
    await button("Import local:import/debian-13-cloud.qcow2").click();
    await offered("scsi0");
    assert.equal(
      at.mock.world.requests.some((line) => line.includes("import-metadata")),
      false,
      "an image describes no machine",
    );
    await field("name").fill("cloud");
    await press("Import");
    await header().getByText("(cloud)").waitFor();
    const { imported } = [...at.mock.world.guests.values()].at(-1);
    assert.equal(imported.scsi0.from, "local:import/debian-13-cloud.qcow2");
  });

  test("is what the disk of a new machine holds, which then has its size", async () => {
    await open("/");
    await button("Create").click();
    await at.page
      .getByRole("menuitem", { name: "Create virtual machine" })
      .click();
    await offered("image");
    assert.deepEqual(await options("image").allInnerTexts(), [
      "Nothing",
      "local:import/debian-13-cloud.qcow2",
    ]);
    await field("image").selectOption("local:import/debian-13-cloud.qcow2");
    assert.equal(await field("diskSize").count(), 0);
    await field("name").fill("from-image");
    await offered("storage");
    while ((await field("vmid").inputValue()) === "")
      await at.page.waitForTimeout(50);
    await picture(at.page, "create-vm-image");
    await press("Create");
    await header().getByText("(from-image)").waitFor();
    const { imported } = [...at.mock.world.guests.values()].at(-1);
    assert.equal(imported.scsi0.from, "local:import/debian-13-cloud.qcow2");
  });

  test("is what one more disk of a machine holds", async () => {
    await open("/vms/101/hardware");
    await button("Add disk").click();
    const image = dialog().locator("#hardware-image");
    await image.locator("option").nth(1).waitFor({ state: "attached" });
    await image.selectOption("local:import/debian-13-cloud.qcow2");
    assert.equal(await dialog().locator("#hardware-size").count(), 0);
    await dialog().getByRole("button", { name: "As code" }).click();
    await dialog()
      .getByText("import-from=local:import/debian-13-cloud.qcow2")
      .first()
      .waitFor();
    await press("Add");
    await row("SCSI disk (scsi1)").waitFor();
  });
});
