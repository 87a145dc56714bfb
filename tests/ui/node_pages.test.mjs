// The pages of a node: disks and what is made of them, network, system, updates, journal. Against the mock only: most of
// what is done here a test cannot do to a real host.
//
//   node --test tests/ui/node_pages.test.mjs
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { picture } from "./browser.mjs";
import { makeHost } from "./mock/host.mjs";
import { World } from "./mock/world.mjs";
import { furnish } from "./mock_server.mjs";
import { onMock } from "./mocked.mjs";

const { at, open, dialog, button, press, row } = onMock();

const page = (tab) => open(`/nodes/pve1/${tab}`);
const host = () => at.mock.world.host;
const shown = (text) => at.page.getByText(text).first().waitFor();
const toast = (text) => at.page.locator(".hf-toasts").getByText(text).waitFor();

describe("the shell", () => {
  test("takes keys, and is opened anew after its end", async () => {
    await page("shell");
    const rows = at.page.locator(".xterm-rows");
    await rows.getByText("root@pve1:~#").waitFor();
    await at.page.keyboard.type("uptime\n");
    await rows.getByText("root@pve1:~# uptime").waitFor();
    for (const client of at.mock.sockets.clients) client.close();
    await shown("The console is closed");
    await button("Connect again").click();
    await at.page.locator('[data-phase="connected"]').waitFor();
  });

  test("says which privilege it takes, and asks for no console without it", async () => {
    const world = furnish(new World());
    world.rightsOfRoot = ["Sys.Audit"];
    await open("/nodes/pve1/shell", world);
    await shown("It takes the privilege Sys.Console at /nodes/pve1.");
    assert.equal(
      at.mock.world.requests.some((line) => line.includes("termproxy")),
      false,
    );
    await picture(at.page, "shell-denied");
  });
});

describe("disks", () => {
  test("are listed with their partitions and health; one tells its attributes, another some text", async () => {
    await page("disks");
    await row("/dev/sda1").getByText("EFI, mounted").waitFor();
    await row("/dev/sda1").getByText("97 % of its life left").waitFor();
    await row("/dev/sdb").getByText("Free").waitFor();
    await picture(at.page, "node-disks");
    await button("Health of /dev/sda").click();
    await dialog().getByText("Reallocated_Sector_Ct").waitFor();
    await picture(at.page, "disk-smart");
    await at.page.keyboard.press("Escape");
    await button("Health of /dev/sdb").click();
    await dialog().getByText("Available Spare").waitFor();
    await at.page.keyboard.press("Escape");
    const label = (disk, text) =>
      row(disk).locator(".pf-v6-c-label").getByText(text).waitFor();
    await label("/dev/sdd", "FAILED");
    await label("/dev/sdc", "7 % of its life left");
    assert.equal(
      await row("/dev/sda1").locator(".pf-v6-c-label").count(),
      0,
      "a disk in good health is not marked",
    );
    await button("Health of /dev/sdd").click();
    await dialog().getByText("/dev/sdd says that it is failing").waitFor();
    await picture(at.page, "disk-failing");
  });

  test("wiping names what is lost, wants the name typed, and is refused where the host works with it", async () => {
    await page("disks");
    await button("Wipe /dev/sda").click();
    await dialog().getByText("LVM (/dev/sda2)").waitFor();
    const go = dialog().getByRole("button", { name: "Wipe", exact: true });
    assert.equal(await go.isDisabled(), true);
    await dialog().getByRole("textbox").fill("/dev/sda");
    await picture(at.page, "disk-wipe");
    await go.click();
    await dialog()
      .getByText(/remove what uses it first/)
      .waitFor();
    await press("Cancel");
    await button("Wipe /dev/sdd").click();
    await dialog().getByText("ext4 (/dev/sdd)").waitFor();
    await dialog().getByRole("textbox").fill("/dev/sdd");
    await press("Wipe");
    await row("/dev/sdd").getByText("Free").waitFor();
  });

  test("a free one gets a partition table", async () => {
    await page("disks");
    await button("Prepare /dev/sdb").click();
    await press("Prepare");
    await button("Prepare /dev/sdb").waitFor({ state: "detached" });
    assert.equal(
      host().disks.find(({ devpath }) => devpath === "/dev/sdb").gpt,
      1,
    );
  });

  test("two become a mirror; refusals stand at their fields", async () => {
    await page("disks");
    await row("/dev/sdb").waitFor();
    await button("Use a disk").click();
    await dialog().locator("#pool-name").fill("1wrong");
    await press("Create");
    await dialog().getByText("Choose a disk.").waitFor();
    assert.equal(
      await dialog().getByLabel("/dev/sda:").count(),
      0,
      "it is in use",
    );
    await dialog()
      .getByLabel(/^\/dev\/sdb:/)
      .check();
    await dialog()
      .getByLabel(/^\/dev\/sdc:/)
      .check();
    await press("Create");
    await dialog()
      .locator("#pool-name-note")
      .getByText(/illegal characters/)
      .waitFor();
    await picture(at.page, "pool-create");
    await dialog().locator("#pool-name").fill("tank");
    await press("Create");
    await row("ZFS pool").getByText("tank").waitFor();
    const { devices, raidlevel, add_storage } = at.mock.world.made;
    assert.deepEqual(
      { devices, raidlevel, add_storage },
      { devices: "/dev/sdb,/dev/sdc", raidlevel: "mirror", add_storage: "1" },
    );
  });

  test("one becomes a folder with a file system, another a thin pool", async () => {
    await page("disks");
    await row("/dev/sdb").waitFor();
    await button("Use a disk").click();
    await dialog().locator("#pool-kind").selectOption("directory");
    await dialog().locator("#pool-fileSystem").selectOption("xfs");
    await dialog().locator("#pool-name").fill("archive");
    await press("Create");
    await row("Folder").getByText("archive").waitFor();
    assert.equal(at.mock.world.made.filesystem, "xfs");
    await row("/dev/sdb").getByText("mounted").first().waitFor();
    await button("Use a disk").click();
    await dialog().locator("#pool-kind").selectOption("lvmthin");
    await dialog().locator("#pool-name").fill("fast");
    await press("Create");
    await row("LVM thin pool").getByText("fast in fast").waitFor();
    assert.equal(at.mock.world.made.device, "/dev/sdc");
  });

  test("removing a pool says how much is lost", async () => {
    await page("disks");
    await button("Remove data").click();
    await dialog().getByText("21 GiB of 60 GiB are in use.").waitFor();
    await dialog().getByLabel("Wipe its disks").check();
    await picture(at.page, "pool-remove");
    await press("Remove");
    await row("data in system").waitFor({ state: "detached" });
    assert.deepEqual(at.mock.world.removed, {
      type: "lvmthinremove",
      name: "data",
      "volume-group": "system",
      "cleanup-config": "1",
      "cleanup-disks": "1",
    });
  });
});

describe("network", () => {
  test("shows interfaces, and the difference that waits", async () => {
    const world = furnish(new World());
    world.host = { ...makeHost(), changes: "--- a\n+++ b\n+auto vmbr9\n" };
    await open("/nodes/pve1/network", world);
    const bridge = row("vmbr0");
    for (const text of [
      "192.0.2.10/24",
      "2001:db8::10/64",
      "192.0.2.1",
      "eno1",
      "to the office",
    ])
      await bridge.getByText(text, { exact: true }).waitFor();
    await row("vmbr1").getByText("Inactive").waitFor();
    await shown("Changes wait to be applied");
    await shown("+auto vmbr9");
    await picture(at.page, "node-network");
  });
});

describe("system", () => {
  test("services are stopped after a question, refused where they are needed, and started", async () => {
    await page("system");
    await row("chrony").getByText("running").waitFor();
    assert.equal(await row("postfix").count(), 0, "it is not installed");
    await row("pvestatd").getByText("failed").waitFor();
    await picture(at.page, "node-system");
    await button("Stop chrony").click();
    await press("Stop");
    await row("chrony").getByText("dead").waitFor();
    await button("Start chrony").click();
    await row("chrony").getByText("running").waitFor();
    await button("Stop pveproxy").click();
    await press("Stop");
    await dialog()
      .getByText(/cannot be stopped through the API/)
      .waitFor();
    await press("Cancel");
    await button("Restart pveproxy").click();
    await press("Restart");
    await toast("Restart service pveproxy: done");
  });

  test("time zone and name servers are changed; a wrong one is told at its field", async () => {
    await page("system");
    await shown("Europe/Vienna");
    await button("Change time zone").click();
    await dialog().locator("#zone-timezone").selectOption("UTC");
    await press("Save");
    await dialog().waitFor({ state: "detached" });
    assert.equal(host().zone, "UTC");
    await button("Change DNS").click();
    await dialog().locator("#dns-dns2").fill("nonsense");
    await press("Save");
    await dialog()
      .locator("#dns-dns2-note")
      .getByText(/valid IP address/)
      .waitFor();
    await dialog().locator("#dns-dns2").fill("192.0.2.54");
    await press("Save");
    await shown("192.0.2.53, 192.0.2.54");
    assert.deepEqual(host().dns, {
      search: "example.test",
      dns1: "192.0.2.53",
      dns2: "192.0.2.54",
    });
  });

  test("host names that somebody else has changed meanwhile are not overwritten", async () => {
    await page("system");
    await shown("192.0.2.10 pve1.example.test pve1");
    await button("Change host names").click();
    await dialog().locator("#hosts-data").fill("127.0.0.1 localhost\n");
    host().hosts = { data: "192.0.2.99 other\n", digest: "d2" };
    await press("Save");
    await dialog()
      .getByText(/file changed by other user/)
      .waitFor();
    await shown("192.0.2.99 other");
    await press("Save");
    await at.page.waitForTimeout(500);
    assert.equal(
      host().hosts.data,
      "192.0.2.99 other\n",
      "not at the second try either",
    );
    await press("Cancel");
    await button("Change host names").click();
    await dialog().locator("#hosts-data").fill("192.0.2.10 pve1\n");
    await press("Save");
    await shown("192.0.2.10 pve1");
    assert.equal(host().hosts.data, "192.0.2.10 pve1\n");
  });

  test("a certificate that ends soon is marked", async () => {
    await page("system");
    await row("pve-ssl.pem").getByText("Expires soon").waitFor();
    assert.equal(
      await row("pve-root-ca.pem").getByText("Expires soon").count(),
      0,
    );
  });
});

describe("updates and journal", () => {
  test("the list is refreshed by a task", async () => {
    await page("updates");
    await shown("No updates are known.");
    await button("Refresh").click();
    await row("hostd").getByText("0.1.1-1").waitFor();
    await row("linux-image").getByText("Debian").waitFor();
    await picture(at.page, "node-updates");
  });

  test("the journal follows its end, and is narrowed", async () => {
    await page("journal");
    const log = at.page.getByRole("log");
    await log.getByText("hostd[7]: line 119").waitFor();
    host().journal.push("Nov 30 06:59:59 pve1 chrony[9]: a later line");
    await log.getByText("a later line").waitFor();
    await picture(at.page, "node-journal");
    await at.page.getByLabel("Unit").selectOption("chrony.service");
    await log.getByText("line 119").waitFor({ state: "detached" });
    await log.getByText("a later line").waitFor();
    await at.page.getByLabel("Priority").selectOption("3");
    await log.getByText("a later line").waitFor();
    assert.deepEqual(at.mock.world.journalAsked, {
      unit: "chrony.service",
      priority: "0..3",
    });
  });

  test("what one may not see says why", async () => {
    const world = furnish(new World());
    world.journalDenied = true;
    await open("/nodes/pve1/journal", world);
    await shown("Permission check failed (/nodes/pve1, Sys.Syslog)");
  });

  test("a node that is away is not asked", async () => {
    const world = furnish(new World());
    world.nodes.push("pve2");
    world.offlineNodes.add("pve2");
    await open("/nodes/pve2/disks", world);
    await shown("pve2 does not answer.");
    const asked = world.requests.filter((line) => line.includes("/disks/"));
    assert.deepEqual(asked, []);
  });
});
