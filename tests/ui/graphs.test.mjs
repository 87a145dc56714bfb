// Graphs of nodes, guests and storages: what is asked, what is drawn, the pointer over one of them, both themes.
// Against the mock only.
//
//   node --test tests/ui/graphs.test.mjs
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { picture } from "./browser.mjs";
import { World } from "./mock/world.mjs";
import { furnish } from "./mock_server.mjs";
import { onMock } from "./mocked.mjs";

const { at, open } = onMock();

const graph = (name) =>
  at.page.getByRole("img", { name: new RegExp(`^${name}:`) });
const legend = (name, line) =>
  graph(name)
    .locator(".u-series")
    .filter({ hasText: line })
    .locator(".u-value");
const drawn = (name) => graph(name).locator("canvas").waitFor();

/** How many points of the canvas are of the colour of a token. */
function coloured(name, token) {
  return graph(name)
    .locator("canvas")
    .evaluate((canvas, property) => {
      const probe = document.createElement("canvas").getContext("2d");
      probe.fillStyle = getComputedStyle(
        document.documentElement,
      ).getPropertyValue(property);
      probe.fillRect(0, 0, 1, 1);
      const wanted = probe.getImageData(0, 0, 1, 1).data;
      const { data } = canvas
        .getContext("2d")
        .getImageData(0, 0, canvas.width, canvas.height);
      let found = 0;
      for (let i = 0; i < data.length; i += 4)
        if ([0, 1, 2].every((k) => Math.abs(data[i + k] - wanted[k]) < 12))
          found++;
      return found;
    }, token);
}

const asked = (what) =>
  at.mock.world.requests.filter((line) => line.includes(`${what}/rrddata`));

describe("graphs", () => {
  test("of a node: all kinds, values in words, the pointer in step over all", async () => {
    await open("/nodes/pve1");
    for (const name of ["CPU", "Memory", "Network", "Pressure", "Load"])
      await drawn(name);
    assert.ok((await coloured("CPU", "--hf-graph-1")) > 100, "a line is drawn");
    const label = await graph("Memory").getAttribute("aria-label");
    assert.match(label, /Used: [\d.]+ GiB now, 11 GiB at most. Total: 32 GiB/);
    const newest = await legend("Network", "Received").innerText();
    assert.match(newest, /[KM]iB\/s$/);
    const box = await graph("CPU").locator(".u-over").boundingBox();
    await at.page.mouse.move(box.x + box.width * 0.1, box.y + 50);
    for (let i = 0; i < 50; i++) {
      if ((await legend("Network", "Received").innerText()) !== newest) break;
      await at.page.waitForTimeout(50);
    }
    const time = (name) => legend(name, "Time").innerText();
    assert.equal(await time("CPU"), await time("Network"), "of one moment");
    assert.notEqual(await legend("Network", "Received").innerText(), newest);
    await at.page.mouse.move(box.x + box.width * 0.28, box.y + 50);
    await graph("CPU").getByText("–").first().waitFor();
    await picture(at.page, "graphs-node");
  });

  test("another time frame is asked for, and stays chosen on the next page", async () => {
    await open("/vms/100");
    await drawn("Disk");
    assert.match(asked("/qemu/100")[0], /timeframe=hour/);
    await at.page.getByRole("button", { name: "Year", exact: true }).click();
    await drawn("Disk");
    assert.match(asked("/qemu/100").at(-1), /timeframe=year/);
    await at.page.goto(`${at.mock.url}/#/containers/102`);
    await drawn("Disk");
    assert.match(asked("/lxc/102")[0], /timeframe=year/);
    await graph("CPU").scrollIntoViewIfNeeded();
    await picture(at.page, "graphs-guest");
    assert.equal(
      await at.page.getByText("Nothing was recorded of this").count(),
      1,
      "of pressure this guest has none",
    );
  });

  test("of a storage", async () => {
    await open("/nodes/pve1/storage/local");
    await drawn("Usage");
    assert.equal(asked("/storage/local").length, 1);
  });

  test("their colours are those of the theme", async () => {
    await open("/nodes/pve1/storage/local");
    await drawn("Usage");
    await at.page.emulateMedia({ colorScheme: "dark" });
    await at.page.locator("html.pf-v6-theme-dark").waitFor();
    for (let i = 0; (await coloured("Usage", "--hf-graph-1")) < 100; i++) {
      assert.ok(i < 50, "the line has the dark theme's colour");
      await at.page.waitForTimeout(100);
    }
    await picture(at.page, "graphs-dark");
  });

  test("nothing recorded, and a history that cannot be read", async () => {
    const world = furnish(new World());
    world.withoutHistory = true;
    await open("/nodes/pve1", world);
    await at.page.getByText("No history yet").waitFor();
    world.historyFails = true;
    await at.page.goto(`${at.mock.url}/#/vms/100`);
    await at.page.getByText("history: cannot be read").waitFor();
    world.historyFails = world.withoutHistory = false;
    await at.page.getByRole("button", { name: "Try again" }).click();
    await drawn("CPU");
  });

  test("their code is loaded with the first of them, not before", async () => {
    await open("/");
    await at.page.getByRole("heading", { name: "Data center" }).waitFor();
    const files = () =>
      at.page.evaluate(() =>
        performance.getEntriesByType("resource").map(({ name }) => name),
      );
    const ofGraphs = (names) => names.filter((name) => /Graph-/.test(name));
    assert.deepEqual(ofGraphs(await files()), []);
    await at.page.goto(`${at.mock.url}/#/vms/100`);
    await drawn("CPU");
    assert.notDeepEqual(ofGraphs(await files()), []);
  });
});
