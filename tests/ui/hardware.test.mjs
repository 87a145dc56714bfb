// Changes of a guest's hardware and options, against the mock: made at once, or waiting and shown as such.
//
//   node --test tests/ui/hardware.test.mjs
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { overflows, picture } from "./browser.mjs";
import { World } from "./mock/world.mjs";
import { furnish } from "./mock_server.mjs";
import { onMock } from "./mocked.mjs";

const { at, open, dialog, header, press, button, row: option } = onMock();

const config = (vmid) => at.mock.world.guests.get(vmid).config;

describe("a machine", () => {
  test("memory of a running one waits, can be taken back, and comes with the next start", async () => {
    await open("/vms/101/hardware");
    await button("Edit processor and memory").click();
    await dialog().locator("#hardware-memory").fill("8");
    await press("Save");
    await dialog()
      .locator("#hardware-memory-note")
      .getByText(/minimum value of 16/)
      .waitFor();
    await picture(at.page, "hardware-errors");
    await dialog().locator("#hardware-memory").fill("4096");
    await press("Save");
    await option("Memory").getByText("4096").waitFor();
    await option("Memory").getByText("Waits").waitFor();
    assert.equal(await option("Memory").locator("del").innerText(), "8192");
    await picture(at.page, "hardware-pending");
    await button("Take the change of Memory (MiB) back").click();
    await option("Memory").getByText("Waits").waitFor({ state: "detached" });

    await button("Edit processor and memory").click();
    await dialog().locator("#hardware-cores").fill("3");
    await press("Save");
    await option("Cores").getByText("Waits").waitFor();
    await button("Stop").click();
    await press("Stop");
    await header().getByText("Stopped").waitFor();
    await option("Cores").getByText("Waits").waitFor({ state: "detached" });
    assert.equal(String(config(101).cores), "3");
  });

  test("a disk is added, grown, taken out and thrown away", async () => {
    await open("/vms/101/hardware");
    await button("Add disk").click();
    await dialog()
      .locator("#hardware-storage option")
      .first()
      .waitFor({ state: "attached" });
    await dialog().locator("#hardware-size").fill("12");
    await dialog().locator("#hardware-bus").selectOption("virtio");
    await press("Add");
    await option("Virtio disk (virtio0)").getByText("size=12G").waitFor();
    await button("Grow Virtio disk (virtio0)").click();
    await dialog().getByText("It has 12G now.").waitFor();
    await dialog().locator("#grow-by").fill("9999");
    await press("Grow");
    await dialog().getByText("there is no space for that").waitFor();
    await dialog().locator("#grow-by").fill("4");
    await press("Grow");
    await option("Virtio disk (virtio0)").getByText("size=16G").waitFor();
    await button("Remove Virtio disk (virtio0)").click();
    await dialog()
      .getByText(/data is kept/)
      .waitFor();
    await press("Remove");
    await option("Unused disk (unused0)").waitFor();
    await button("Remove Unused disk (unused0)").click();
    await dialog()
      .getByText(/data on this disk is lost/)
      .waitFor();
    await picture(at.page, "hardware-remove");
    await press("Remove");
    await option("Unused disk").waitFor({ state: "detached" });
  });

  test("a card gets another bridge and keeps its address", async () => {
    await open("/vms/101/hardware");
    await button("Edit Network card (net0)").click();
    await dialog().locator("#hardware-bridge").fill("nowhere");
    await press("Save");
    await dialog()
      .locator("#hardware-bridge-note")
      .getByText(/does not exist/)
      .waitFor();
    await dialog().locator("#hardware-bridge").fill("vmbr1");
    await dialog().locator("#hardware-tag").fill("42");
    await dialog().locator("#hardware-model").selectOption("e1000");
    await press("Save");
    await option("Network card (net0)").getByText("bridge=vmbr1").waitFor();
    assert.equal(
      config(101).net0,
      "e1000=BC:24:11:0A:0B:0C,bridge=vmbr1,tag=42",
    );
    await button("Add network card").click();
    await press("Add");
    await option("Network card (net1)").waitFor();
  });

  test("what waits to be removed says so; options are edited", async () => {
    await open("/vms/100/hardware");
    await at.page.getByText(/Some changes wait/).waitFor();
    await option("IDE drive (ide2)").getByText("Will be removed").waitFor();
    await button("Edit options").click();
    await dialog().getByLabel("Start at boot").check();
    await dialog().locator("#hardware-tags").fill("");
    await press("Save");
    await option("Start at boot").waitFor();
    assert.equal(config(100).onboot, "1");
    assert.equal(config(100).tags, undefined);
  });
});

describe("cloud-init", () => {
  const field = (name) => dialog().locator(`[id="hardware-${name}"]`);

  test("a machine gets its drive, then who may log in and its addresses", async () => {
    await open("/vms/101/hardware");
    await button("Add cloud-init drive").click();
    await field("storage")
      .locator("option")
      .first()
      .waitFor({ state: "attached" });
    await press("Add");
    await button("Edit cloud-init").click();
    await field("ciuser").fill("ann");
    await field("cipassword").fill("s3cret-word");
    await field("sshkeys").fill(
      "ssh-ed25519 AAAA+b ann@home\nssh-rsa BBBB ben",
    );
    await field("address.0").fill("nonsense");
    await press("Save");
    await dialog()
      .locator('[id="hardware-address.0-note"]')
      .getByText(/no valid address/)
      .waitFor();
    await picture(at.page, "cloud-init-wide-light");
    await field("address.0").fill("192.0.2.10/24");
    await field("gateway.0").fill("192.0.2.1");
    await press("Save");
    await option("Addresses (ipconfig0)").getByText("gw=192.0.2.1").waitFor();
    await option("SSH keys").getByText("ssh-rsa BBBB ben").waitFor();
    assert.equal(config(101).ciuser, "ann");
    assert.equal(
      config(101).sshkeys,
      "ssh-ed25519%20AAAA%2Bb%20ann%40home%0Assh-rsa%20BBBB%20ben",
    );
    await button("Edit cloud-init").click();
    assert.equal(await field("cipassword").inputValue(), "");
    await field("gateway.0").fill("");
    await press("Save");
    await option("Addresses (ipconfig0)")
      .getByText("gw=")
      .waitFor({ state: "detached" });
    assert.equal(config(101).cipassword, "**********", "left as it was");
  });

  test("is shown on a phone", async () => {
    await open("/vms/101/hardware", undefined, {
      size: "phone",
      theme: "dark",
    });
    at.mock.world.guests.get(101).config.ide2 =
      "local-lvm:vm-101-cloudinit,media=cdrom";
    await button("Edit cloud-init").click();
    await picture(at.page, "cloud-init-phone-dark");
    assert.equal(await overflows(at.page), false);
  });
});

describe("a container", () => {
  test("gets a mount point", async () => {
    await open("/containers/103/hardware");
    await button("Add mount point").click();
    await dialog()
      .locator("#hardware-storage option")
      .first()
      .waitFor({ state: "attached" });
    await press("Add");
    await dialog()
      .locator("#hardware-path-note")
      .getByText(/must be filled in/)
      .waitFor();
    await dialog().locator("#hardware-path").fill("/srv/data");
    await press("Add");
    await option("Mount point (mp0)").getByText("mp=/srv/data").waitFor();
    assert.equal(await button("Remove Root file system").count(), 0);
  });
});

describe("to another storage", () => {
  const field = (name) => dialog().locator(`#move-disk-${name}`);

  /** A world with more places for disks. */
  function roomyWorld() {
    const world = furnish(new World());
    const disks = { content: "images,rootdir", total: 10e12, used: 1e12 };
    world.storages.push({ ...disks, storage: "nas", type: "nfs" });
    world.storages.push({
      ...disks,
      storage: "cramped",
      type: "lvm",
      used: 9e12,
    });
    world.storages.push({
      storage: "isos",
      type: "dir",
      content: "iso",
      total: 1e12,
      used: 0,
    });
    return world;
  }
  const choices = async (name) => {
    const options = field(name).locator("option");
    await options.nth(1).waitFor({ state: "attached" });
    return options.evaluateAll((all) => all.map(({ value }) => value));
  };

  test("a disk of a machine that runs; the original is kept, or lost after words that say so", async () => {
    await open("/vms/101/hardware", roomyWorld());
    const before = config(101).scsi0;
    const [old] = before.split(",");
    await button("Move SCSI disk (scsi0) to another storage").click();
    await dialog().getByText(old).waitFor();
    assert.deepEqual(await choices("storage"), ["nas", "cramped"]);
    await field("storage").selectOption("cramped");
    await press("Move");
    await dialog()
      .locator("#move-disk-storage-note")
      .getByText(/no space/)
      .waitFor();
    assert.equal(
      await field("format").count(),
      0,
      "its files alone have formats",
    );
    await field("storage").selectOption("nas");
    await field("format").selectOption("qcow2");
    await press("Move");
    await option("SCSI disk (scsi0)")
      .getByText("nas:vm-101-disk-7.qcow2")
      .waitFor();
    await option("Unused disk (unused0)").getByText(old).waitFor();
    assert.equal(
      config(101).scsi0,
      before.replace(old, "nas:vm-101-disk-7.qcow2"),
    );

    await button("Move SCSI disk (scsi0) to another storage").click();
    assert.deepEqual(await choices("storage"), ["cramped", "local-lvm", "nas"]);
    await field("storage").selectOption("nas");
    await press("Move");
    await dialog()
      .locator("#move-disk-format-note")
      .getByText(/must be filled in/)
      .waitFor();
    await field("storage").selectOption("local-lvm");
    await dialog().getByLabel("Delete the original").check();
    await dialog().getByText("nas:vm-101-disk-7.qcow2 is deleted").waitFor();
    await dialog().getByText("As code").click();
    await dialog().getByText("--delete 1").waitFor();
    await picture(at.page, "move-disk-wide-light");
    await press("Move");
    await option("SCSI disk (scsi0)")
      .getByText("local-lvm:vm-101-disk-7")
      .waitFor();
    assert.equal(config(101).unused0, old, "nothing new is unused");
  });

  test("a volume of a container, once it does not run; on a phone", async () => {
    await open("/containers/102/hardware", roomyWorld(), {
      size: "phone",
      theme: "dark",
    });
    await button("Move Root file system to another storage").click();
    await dialog()
      .getByText(/shut it down first/)
      .waitFor();
    const submit = dialog().getByRole("button", { name: "Move", exact: true });
    assert.equal(await submit.isDisabled(), true);
    await picture(at.page, "move-disk-phone-dark");
    assert.equal(await overflows(at.page), false);
    await press("Cancel");
    await at.page.goto(`${at.mock.url}/#/containers/103/hardware`);
    await button("Move Root file system to another storage").click();
    assert.deepEqual(await choices("storage"), ["nas", "cramped"]);
    assert.equal(await field("format").count(), 0);
    await field("remove").check();
    await press("Move");
    await option("Root file system").getByText("nas:vm-103-disk-7").waitFor();
    assert.equal(config(103).unused0, undefined);
  });
});
