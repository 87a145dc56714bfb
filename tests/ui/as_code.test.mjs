// Dialogs show the call that they send, for a shell. Against the mock only.
//
//   node --test tests/ui/as_code.test.mjs
import assert from "node:assert/strict";
import { test } from "node:test";
import { overflows, picture } from "./browser.mjs";
import { onMock } from "./mocked.mjs";

const { at, open, dialog, button, row, press } = onMock();

const unfold = () =>
  dialog().getByRole("button", { name: "As code", exact: true }).click();
const code = async () =>
  (await dialog().locator("code").allInnerTexts()).join("\n");

test("a question shows its call, which is not sent; the copy button has the very text", async () => {
  await open("/vms/100");
  await at.page
    .context()
    .grantPermissions(["clipboard-read", "clipboard-write"], {
      origin: at.mock.url,
    });
  await button("Stop").click();
  assert.equal(await dialog().locator("code").count(), 0, "folded away");
  await unfold();
  await dialog()
    .getByText("pvesh create /nodes/pve1/qemu/100/status/stop")
    .waitFor();
  assert.match(
    await code(),
    /curl --request POST \\\n {2}https:\/\/localhost:\d+\/api2\/json\/nodes\/pve1\/qemu\/100\/status\/stop/,
  );
  await picture(at.page, "as-code");
  await dialog()
    .getByRole("button", { name: "Copy: On a host of the cluster" })
    .click();
  assert.equal(
    await at.page.evaluate(() => navigator.clipboard.readText()),
    "pvesh create /nodes/pve1/qemu/100/status/stop",
  );
  const sent = () =>
    at.mock.world.requests.filter((line) => line.endsWith("/status/stop"));
  assert.deepEqual(sent(), []);
  await press("Stop");
  await dialog().waitFor({ state: "detached" });
  assert.deepEqual(sent(), ["POST /api2/json/nodes/pve1/qemu/100/status/stop"]);
});

test("a form's call follows what is typed, without its secrets", async () => {
  await open("/access", undefined, { size: "phone" });
  await button("Add user").click();
  await unfold();
  await dialog().locator("#access-id").fill("new@pve");
  await dialog().locator("#access-password").fill("tOpSecret1");
  await dialog().locator("#access-comment").fill("it's new");
  await dialog()
    .getByText("Left out, because they are secrets: password")
    .waitFor();
  const text = await code();
  assert.match(text, /--userid new@pve/);
  assert.match(text, /--comment 'it'\\''s new'/);
  assert.match(text, /Authorization: PVEAPIToken=USER@REALM!NAME=SECRET/);
  const ticket = [...at.mock.world.tickets][0];
  for (const secret of ["tOpSecret1", ticket, at.mock.world.csrf])
    assert.equal(text.includes(secret), false);
  await picture(at.page, "as-code-phone");
  assert.equal(await overflows(at.page), false);
});

test("removing an item of a list is a call too", async () => {
  await open("/nodes/pve1/storage/local");
  await row("iso/debian-13.1.0-amd64-netinst.iso")
    .getByRole("button", { name: /^Delete/ })
    .click();
  await unfold();
  await dialog()
    .getByText(
      "pvesh delete /nodes/pve1/storage/local/content/local:iso/debian-13.1.0-amd64-netinst.iso",
    )
    .waitFor();
  assert.match(
    await code(),
    /content\/local%3Aiso%2Fdebian-13\.1\.0-amd64-netinst\.iso/,
  );
});
