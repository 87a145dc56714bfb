// The walk through the life of a cluster, on three real hosts: begun, joined by tokens, a machine that moves while its
// page follows, a node that loses power and comes back. Of two pages at the first host one is wide, one a phone's.
//
//   make test-ui-cluster
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, logIn, openPage, overflows, picture } from "./browser.mjs";
import { cutPower, NO_HOSTS, openHosts, switchOn } from "./hosts.mjs";

/** Tasks of real daemons, machines by emulation. */
const TASK_MS = 300_000;
const CLUSTER = "/datacenter/cluster";
const VMID = 150;
const MACHINE = `/vms/${VMID}`;

const dialog = (page) => page.getByRole("dialog");
const button = (page, name) => page.getByRole("button", { name, exact: true });
const press = (page, name) =>
  dialog(page).getByRole("button", { name, exact: true }).click();
const row = (page, text) => page.getByRole("row").filter({ hasText: text });
const told = (place, text) =>
  place.getByText(text).first().waitFor({ timeout: TASK_MS });
const above = (page) => page.getByRole("navigation", { name: "Breadcrumb" });
const header = (page) => page.locator(".hf-header");
const mark = (page, name, state) =>
  page
    .locator(".hf-tree-row")
    .filter({ hasText: name })
    .getByRole("img", { name: state })
    .waitFor({ timeout: TASK_MS });

describe("the life of a cluster", { skip: NO_HOSTS }, () => {
  let first, second, third, browser, wide, phone, left;
  const opened = [];

  const open = async (host, path, size) => {
    const page = await openPage(browser, { size });
    opened.push(page);
    await logIn(page, host, path);
    return page;
  };
  const look = async (page, name) => {
    const size = page.viewportSize().width < 1000 ? "phone" : "wide";
    await picture(page, `cluster-${name}-${size}`);
    assert.equal(await overflows(page), false, `${name}, ${size}`);
  };
  /** On both pages, one after the other: an `assert` of one does not leave the other running. */
  const onBoth = async (what) => {
    for (const page of [wide, phone]) await what(page);
  };
  const go = (path) => onBoth((page) => page.goto(`${first.url}/#${path}`));

  before(async () => {
    [first, second, third] = openHosts();
    browser = await launch();
    wide = await open(first, CLUSTER, "wide");
    phone = await open(first, CLUSTER, "phone");
  });

  after(async () => {
    await browser?.close();
    const problems = opened.flatMap((page) => page.problems);
    assert.deepEqual(problems, [], "the browser reports no error");
  });

  test("a host begins one, and every page of it tells", async () => {
    await button(wide, "Create a cluster").click();
    await dialog(wide).locator("#cluster-name").fill("lab");
    await press(wide, "Create a cluster");
    await onBoth(async (page) => {
      await told(row(page, "node1"), "itself");
      await told(page, "No node may fail");
    });
  });

  /** From the first steps of a host with the token that a page made; gives the host's page. */
  const join = async (page, host, size) => {
    await button(page, "Add a node").click();
    await press(page, "Make token");
    await told(dialog(page), "This secret is shown now");
    const word = await dialog(page).locator("input").first().inputValue();
    await dialog(page)
      .getByRole("button", { name: "Close", exact: true })
      .last() // the first one is the window's
      .click();
    await told(page, "Not used yet");

    const joining = await open(host, "/welcome", size);
    await told(joining, `${host.name} is by itself.`);
    const toCluster = { name: "Cluster", exact: true };
    await joining.locator("main").getByRole("link", toCluster).click();
    await button(joining, "Join a cluster").click();
    await dialog(joining).locator("#join-token").fill(word);
    await told(dialog(joining), `${host.name} takes over`);
    await look(joining, "join");
    await press(joining, "Join a cluster");

    await told(row(page, host.name), "Online");
    await told(page, `Used by ${host.name}`);
    // Tickets of the host by itself are no longer good: it says so, and leads back to the place.
    await told(joining, "Your session has ended.");
    return joining;
  };

  test("a host joins by a token that is used once, on a wide page", async () => {
    const joined = await join(wide, second, "wide");
    await told(wide, "2 of 2 are here, 2 are needed");
    await joined.close();
  });

  test("a host joins by a token that is used once, on a phone", async () => {
    left = await join(phone, third, "phone");
    await onBoth(async (page) => {
      await told(page, "3 of 3 are here, 2 are needed");
      await told(page, "One more node may fail");
      await told(row(page, "node3"), "Online");
      await told(row(page, "node3"), /ms/);
      await look(page, "whole");
    });
    await left.getByLabel("User name").fill(third.user);
    await left.locator("#login-password").fill(third.password);
    await button(left, "Log in").click();
    await told(row(left, "node3"), "itself");
    await told(left, "3 of 3 are here, 2 are needed");
  });

  const move = async (page, target) => {
    await button(page, "Move").click();
    await told(dialog(page), "The machine moves while it runs");
    await dialog(page).locator("#move-target").selectOption(target);
    await look(page, "move");
    await press(page, "Move");
    await onBoth(async (each) => {
      await above(each)
        .getByRole("link", { name: target, exact: true })
        .waitFor({ timeout: TASK_MS });
      await told(header(each), "Running");
      assert.ok(each.url().endsWith(`#${MACHINE}`), each.url());
    });
  };

  test("a machine moves while it runs, and each page of it follows", async () => {
    await button(wide, "Create").click();
    await wide.getByRole("menuitem", { name: "virtual machine" }).click();
    const field = (name) => dialog(wide).locator(`#create-${name}`);
    await field("node").selectOption("node1");
    await field("vmid").fill(String(VMID));
    await field("name").fill("roamer");
    await field("memory").fill("64");
    await field("diskSize").fill("1");
    await dialog(wide).getByLabel("Start after creation").check();
    await press(wide, "Create");
    await go(MACHINE);
    await onBoth((page) => told(header(page), "Running"));
    await move(wide, "node2");
    await move(phone, "node3");
    await look(wide, "moved");
    const tree = await wide.locator(".hf-tree-row").allInnerTexts();
    assert.ok(
      tree.indexOf(`${VMID} (roamer)`) > tree.indexOf("node3"),
      `it stands below its node: ${tree}`,
    );
  });

  test("a node that loses power is seen in the tree, the cluster, its guests", async () => {
    await go(CLUSTER);
    await onBoth((page) => told(row(page, "node3"), "Online"));
    cutPower(third);
    await onBoth(async (page) => {
      await told(row(page, "node3"), "Offline");
      await told(row(page, "node3"), "down");
      await told(page, "2 of 3 are here, 2 are needed");
      await told(page, "No node may fail");
      await look(page, "lost");
    });
    await phone.getByRole("button", { name: "Resource tree" }).click();
    await onBoth(async (page) => {
      await mark(page, "node3", "Unavailable");
      await mark(page, "roamer", "Unavailable");
    });
    await phone.locator(".hf-tree").getByText(`${VMID} (roamer)`).click();
    await told(header(phone), "Unknown");
    await wide.locator(".hf-tree").getByText("node3").click();
    await told(wide, "node3 does not answer.");
    await onBoth((page) => look(page, "of-the-lost"));
    await told(left, "The server does not answer.");
  });

  test("and is seen when it is back", async () => {
    await go(CLUSTER);
    switchOn(third);
    await onBoth(async (page) => {
      await told(row(page, "node3"), "Online");
      await told(page, "3 of 3 are here, 2 are needed");
    });
    await mark(wide, "roamer", "Stopped");
    await go(MACHINE);
    await onBoth((page) => told(header(page), "Stopped"));
  });
});
