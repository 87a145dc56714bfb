// What a node fetches for its storages: files of the web, templates of containers. Against the mock only.
//
//   node --test tests/ui/downloads.test.mjs
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { overflows, picture } from "./browser.mjs";
import { World } from "./mock/world.mjs";
import { furnish } from "./mock_server.mjs";
import { onMock } from "./mocked.mjs";

const { at, open, dialog, press, button, row } = onMock();

const STORAGE = "/nodes/pve1/storage/local";
const field = (name) => dialog().locator(`#download-${name}`);
const shuts = () => dialog().waitFor({ state: "detached" });
const go = () =>
  dialog().getByRole("button", { name: "Download", exact: true });

describe("a file of the web", () => {
  test("is called and sorted as its address says; its checksum is compared", async () => {
    await open(STORAGE);
    await button("Download").click();
    assert.equal(await go().isDisabled(), true);
    await field("url").fill("https://nowhere.example/alpine.iso.gz");
    assert.equal(
      await field("filename").getAttribute("placeholder"),
      "alpine.iso",
    );
    await press("Download");
    await dialog().getByText("the server does not answer").waitFor();
    await field("url").fill("https://example.org/alpine.iso.gz");
    await field("algorithm").selectOption("sha256");
    await press("Download");
    await dialog().getByText("must be filled in").waitFor();
    await field("checksum").fill("ab12");
    await picture(at.page, "download-wide-light");
    await press("Download");
    await shuts();
    await row("iso/alpine.iso").waitFor();
    assert.deepEqual(at.mock.world.downloads.at(-1), {
      url: "https://example.org/alpine.iso.gz",
      content: "iso",
      filename: "alpine.iso",
      checksum: "ab12",
      "checksum-algorithm": "sha256",
      compression: "gz",
    });
  });

  test("whose name tells nothing waits for its kind", async () => {
    await open(STORAGE, undefined, { size: "phone", theme: "dark" });
    await button("Download").click();
    await field("url").fill("https://example.org/latest");
    await dialog()
      .getByText(/latest does not tell what it is/)
      .waitFor();
    assert.equal(await go().isDisabled(), true);
    await field("filename").fill("cloud.qcow2");
    assert.equal(await go().isDisabled(), false);
    await dialog()
      .getByLabel("The server must show a certificate that the node trusts")
      .uncheck();
    await picture(at.page, "download-phone-dark");
    assert.equal(await overflows(at.page), false);
    await press("Download");
    await shuts();
    const { content, filename, ...sent } = at.mock.world.downloads[0];
    assert.deepEqual([content, filename], ["import", "cloud.qcow2"]);
    assert.equal(sent["verify-certificates"], "0");
  });
});

describe("templates", () => {
  test("are searched and fetched; those that are here say so", async () => {
    await open(STORAGE);
    await button("Templates").click();
    const item = (text) => dialog().getByRole("row").filter({ hasText: text });
    await item("debian-13-standard").getByText("Here").waitFor();
    await picture(at.page, "templates-wide-light");
    await dialog().getByPlaceholder("Search templates").fill("ALPINE");
    await item("debian-13-standard").waitFor({ state: "detached" });
    await button("Fetch alpine-3.22-default_20250617_amd64.tar.xz").click();
    await item("alpine-3.22").getByText("Here").waitFor();
    await dialog().getByPlaceholder("Search templates").fill("nothing");
    await dialog().getByText("No template matches").waitFor();
  });

  test("that no list offers: what fetches one is said", async () => {
    const world = furnish(new World());
    world.noTemplates = true;
    await open(STORAGE, world, { size: "phone", theme: "dark" });
    await button("Templates").click();
    await dialog().getByText("pveam update fetches it").waitFor();
    await picture(at.page, "templates-none-phone-dark");
    assert.equal(await overflows(at.page), false);
  });
});
