// The walk with what only a real node has: a file on its way up, a container and a machine that take keys, a machine
// that goes back to a snapshot and is copied, a task that fails. The rest of what a real node is asked for: walking,
// people and second_factor.
//
//   BASE_URL=https://localhost:8006 HOLDFAST_PASSWORD=… node --test tests/ui/guests_walk.test.mjs
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { launch, logIn, openPage, overflows, picture } from "./browser.mjs";
import { COLOURS, DISC_WIDTH, keyedDisc } from "./keyed_disc.mjs";
import { NO_NODE, openTarget } from "./target.mjs";

const TASK_MS = 120_000;
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const [CONTAINER, MACHINE, COPY, BROKEN] = [160, 161, 162, 163];
/** Slow enough for its progress to be seen, bytes a second. */
const UPLOAD = { size: 6_000_000, speed: 2_000_000 };

/** A container's template of busybox, the tests' own. */
function buildTemplate(folder) {
  const script =
    "import sys, pathlib, tests.lib.tinylinux as t; print(t.build_template(pathlib.Path(sys.argv[1])))";
  return execFileSync("python3", ["-c", script, folder], { cwd: ROOT })
    .toString()
    .trim();
}

/** In the page: whether a machine's screen is so wide. */
const hasWidth = (px) =>
  document.querySelector(".hf-console-screen canvas")?.width === px;

/** In the page: whether the middle of a machine's screen has about a colour. */
const isPainted = (colour) => {
  const canvas = document.querySelector(".hf-console-screen canvas");
  const { data } = canvas
    .getContext("2d")
    .getImageData(canvas.width / 2, canvas.height / 2, 1, 1);
  return colour.every((part, i) => Math.abs(part - data[i]) < 40);
};

describe("guests of a real node", { skip: NO_NODE }, () => {
  let target, browser, page, folder, node;

  before(async () => {
    target = await openTarget();
    browser = await launch();
    page = await openPage(browser);
    folder = mkdtempSync(join(tmpdir(), "holdfast-ui-"));
    await logIn(page, target);
    const answer = await page.request.get(`${target.url}/api2/json/nodes`);
    node = (await answer.json()).data[0].node;
  });

  after(async () => {
    if (page) await picture(page, "guests-walk-end");
    await browser?.close();
    if (folder) rmSync(folder, { recursive: true });
    await target?.stop();
    assert.deepEqual(page?.problems ?? [], [], "the browser reports no error");
  });

  const dialog = () => page.getByRole("dialog");
  const button = (name) => page.getByRole("button", { name, exact: true });
  const press = (name) =>
    dialog().getByRole("button", { name, exact: true }).click();
  const row = (text) => page.getByRole("row").filter({ hasText: text });
  const go = (path) => page.goto(`${target.url}/#${path}`);
  const told = (place, text) =>
    place.getByText(text).first().waitFor({ timeout: TASK_MS });
  const state = (text) => told(page.locator(".hf-header"), text);
  const field = (name) => dialog().locator(`#create-${name}`);
  const look = async (name) => {
    await picture(page, `guests-walk-${name}`);
    assert.equal(await overflows(page), false, name);
  };

  const stop = async () => {
    await button("Stop").click();
    await press("Stop");
    await state("Stopped");
  };

  const upload = async (file) => {
    await go(`/nodes/${node}/storage/local`);
    await button("Upload").click();
    await dialog().locator("input[type=file]").setInputFiles(file);
    await press("Upload");
  };

  const openCreate = async (item, values) => {
    await button("Create").click();
    await page.getByRole("menuitem", { name: `Create ${item}` }).click();
    await field("storage")
      .locator("option")
      .first()
      .waitFor({ state: "attached" });
    for (const [name, value] of Object.entries(values))
      await field(name).fill(value);
  };

  test("an ISO image goes up, with its progress", async () => {
    const file = join(folder, "walk.iso");
    const disc = keyedDisc();
    const rest = Buffer.alloc(UPLOAD.size - disc.length);
    writeFileSync(file, Buffer.concat([disc, rest]));
    const network = await page.context().newCDPSession(page);
    const slow = async (uploadThroughput) =>
      network.send("Network.emulateNetworkConditions", {
        ...{ offline: false, latency: 0, downloadThroughput: -1 },
        uploadThroughput,
      });
    await slow(UPLOAD.speed);
    await upload(file);
    const bar = dialog().getByRole("progressbar", { name: /sent/ });
    const seen = new Set();
    await bar.waitFor();
    while (await bar.count()) {
      const now = await bar
        .getAttribute("aria-valuenow", { timeout: 1000 })
        .catch(() => null); // gone meanwhile
      if (now !== null) seen.add(Number(now));
      if (seen.size === 3) await look("upload");
      await page.waitForTimeout(50);
    }
    await slow(-1);
    assert.ok(seen.size >= 3, `it moves: ${[...seen]}`);
    await row("iso/walk.iso").waitFor({ timeout: TASK_MS });
  });

  test("a container is made of a template", async () => {
    const template = buildTemplate(folder);
    await upload(template);
    await row(`vztmpl/${basename(template)}`).waitFor({ timeout: TASK_MS });
    await openCreate("container", {
      vmid: String(CONTAINER),
      hostname: "walk-ct",
      password: "long enough to be one",
      diskSize: "1",
      memory: "64",
      swap: "0",
    });
    await field("template").selectOption(`local:vztmpl/${basename(template)}`);
    await field("ipMode").selectOption("static");
    await field("address").fill("192.0.2.60/24");
    await dialog().getByLabel("Start after creation").check();
    await look("create");
    await press("Create");
    await page.waitForURL(`**/#/containers/${CONTAINER}`);
    await state("Running");
  });

  test("its console takes keys and shows what they do", async () => {
    await go(`/containers/${CONTAINER}/console`);
    await page
      .locator('.hf-console-frame[data-phase="connected"]')
      .waitFor({ timeout: TASK_MS });
    const screen = page.locator(".hf-console-screen .xterm-rows");
    await told(screen, /[#$]/); // a prompt: what is typed before may be lost
    await page.keyboard.type("echo walked-$((40 + 2))\n");
    await told(screen, "walked-42");
    await look("console");
  });

  test("a task that fails tells why, in its log", async () => {
    const broken = join(folder, "broken.tar.gz");
    writeFileSync(broken, "no archive at all\n");
    await upload(broken);
    await row("vztmpl/broken.tar.gz").waitFor({ timeout: TASK_MS });
    await openCreate("container", {
      vmid: String(BROKEN),
      hostname: "broken",
      password: "long enough to be one",
      diskSize: "1",
    });
    await field("template").selectOption("local:vztmpl/broken.tar.gz");
    await press("Create");
    const toasts = page.locator(".hf-toasts");
    await told(toasts, `Container ${BROKEN}: create`);
    await button("Show log").click({ timeout: TASK_MS });
    await toasts.getByText(/create/).waitFor({ state: "detached" });
    await told(page.getByRole("log"), /TASK ERROR: /);
    await look("failed");
    await button("Tasks").click();
    await told(page, `There is no guest ${BROKEN}`);
  });

  test("a machine goes back to what it was at a snapshot", async () => {
    await openCreate("virtual machine", {
      vmid: String(MACHINE),
      name: "walk-vm",
      memory: "64",
      diskSize: "1",
    });
    await field("iso").selectOption("local:iso/walk.iso");
    await press("Create");
    await page.waitForURL(`**/#/vms/${MACHINE}`);
    await state("Stopped");
    await go(`/vms/${MACHINE}/snapshots`);
    await button("Take snapshot").click();
    await dialog().locator("#snapshot-snapname").fill("before");
    await press("Take snapshot");
    await row("before").waitFor({ timeout: TASK_MS });
    await go(`/vms/${MACHINE}/hardware`);
    await button("Edit processor and memory").click();
    await page.locator("#hardware-memory").fill("96");
    await press("Save");
    await told(row("Memory"), "96");
    await go(`/vms/${MACHINE}/snapshots`);
    await look("snapshots");
    await button("Roll back to before").click();
    await press("Roll back");
    await go(`/vms/${MACHINE}/hardware`);
    await told(row("Memory"), "64");
  });

  test("its screen takes keys and shows what they do", async () => {
    await go(`/vms/${MACHINE}/console`);
    await button("Start").first().click();
    await page
      .locator('.hf-console-frame[data-phase="connected"]')
      .waitFor({ timeout: TASK_MS });
    const screen = page.locator(".hf-console-screen canvas");
    await screen.waitFor();
    const shows = (what, wanted) =>
      page.waitForFunction(what, wanted, { timeout: TASK_MS });
    await shows(hasWidth, DISC_WIDTH);
    for (const [digit, colour] of Object.entries(COLOURS)) {
      await page.keyboard.press(digit);
      await shows(isPainted, colour);
    }
    await look("screen");
    await go(`/vms/${MACHINE}`);
    await stop();
  });

  test("and is copied", async () => {
    await button("Clone").click();
    await dialog().locator("#clone-vmid").fill(String(COPY));
    await dialog().locator("#clone-name").fill("walk-copy");
    await look("clone");
    await press("Clone");
    await page.waitForURL(`**/#/vms/${COPY}`);
    await state("walk-copy");
    await state("Stopped");
    await go(`/vms/${COPY}/hardware`);
    await told(row("SCSI disk"), "size=1G");
  });

  test("all of it is thrown away", async () => {
    await go(`/containers/${CONTAINER}`);
    await stop();
    const places = [
      `/containers/${CONTAINER}`,
      `/vms/${MACHINE}`,
      `/vms/${COPY}`,
    ];
    for (const place of places) {
      const id = place.split("/").at(-1);
      await go(place);
      await button("Delete").click();
      await dialog().getByLabel(`Type ${id} to confirm`).fill(id);
      await press("Delete");
      await told(page.locator(".hf-toasts"), `${id}: delete: done`);
    }
  });
});
