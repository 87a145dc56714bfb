// The cluster as its members and those outside see it, against the mock: beginning one, joining by a token, votes, links,
// a node that is lost, the witness.
//
//   node --test tests/ui/cluster.test.mjs
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { overflows, picture } from "./browser.mjs";
import { lab } from "./mock/labs.mjs";
import { onMock } from "./mocked.mjs";

const { at, open, dialog, button, press, row } = onMock();
const CLUSTER = "/datacenter/cluster";

const shown = (text) => at.page.getByText(text).first().waitFor();
const shuts = () => dialog().waitFor({ state: "detached" });
const tab = (name) => at.page.getByRole("tab", { name, exact: true });

describe("views of the whole cluster", () => {
  test("each has its address, and the tree marks where they belong", async () => {
    await open("/");
    await tab("Cluster").click();
    await at.page.getByRole("heading", { name: /belongs to no/ }).waitFor();
    assert.match(at.page.url(), /#\/datacenter\/cluster$/);
    await at.page.reload();
    await at.page.getByRole("heading", { name: /belongs to no/ }).waitFor();
    await tab("Users and permissions").click();
    await row("root@pam").waitFor();
    assert.match(at.page.url(), /#\/access$/);
    await tab("Roles").click();
    await row("Administrator").waitFor();
    await at.page
      .locator('.hf-tree-row[aria-selected="true"]')
      .getByText("Data center")
      .waitFor();
    await at.page.goto(`${at.mock.url}/#/datacenter/nothing`);
    await shown("There is nothing here");
  });
});

describe("outside", () => {
  test("a cluster is created; refusals stand at their fields", async () => {
    await open(CLUSTER);
    await button("Create a cluster").click();
    await picture(at.page, "cluster-create");
    await dialog().locator("#cluster-name").fill("no name!");
    await dialog().locator("#cluster-address").fill("nowhere");
    await press("Create a cluster");
    await dialog()
      .locator("#cluster-name-note")
      .getByText(/no valid cluster name/)
      .waitFor();
    await dialog().locator("#cluster-name").fill("lab");
    await press("Create a cluster");
    await dialog()
      .locator("#cluster-address-note")
      .getByText(/no such address/)
      .waitFor();
    await dialog().locator("#cluster-address").fill("");
    await dialog().locator("#cluster-name").press("Enter");
    await shuts();
    await shown("No node may fail"); // the one that there is
    await row("pve1").getByText("10.99.0.1").waitFor();
  });

  test("what a token says is shown before it can be used", async () => {
    await open(CLUSTER);
    await button("Join a cluster").click();
    const join = dialog().getByRole("button", { name: "Join a cluster" });
    assert.equal(await join.isDisabled(), true);
    const token = dialog().locator("#join-token");
    await token.fill("hfj1.cut-off");
    await dialog()
      .getByText(/This is no join token/)
      .waitFor();
    assert.equal(await join.isDisabled(), true);
    const said = { a: ["192.0.2.7", "fd00::7"], f: "c4".repeat(32) };
    const word = `hfj1.${Buffer.from(JSON.stringify(said)).toString("base64url")}`;
    await token.fill(word);
    await dialog().getByText("192.0.2.7, fd00::7").waitFor();
    await dialog()
      .getByText(/^C4:C4:/)
      .waitFor();
    await dialog()
      .getByText(/takes over the cluster's configuration/)
      .waitFor();
    await picture(at.page, "cluster-join");
    assert.equal(await overflows(at.page), false);
    await join.click();
    await shuts();
    assert.equal(at.mock.world.joinedWith, word);
    await at.page
      .locator(".hf-toasts")
      .getByText(/VM 100 exists here and in cluster/)
      .waitFor();
  });
});

describe("inside", () => {
  test("votes in plain words, nodes with their addresses and links", async () => {
    const links = [
      { link: 0, connected: 1, round_trip: 0.0021, loss: 0.08, ups: 3 },
      { link: 1, connected: 0, ups: 1, downs: 2 },
    ];
    const world = lab({ rings: 2, links: new Map([["pve3", links]]) });
    world.membership.clocks.set("pve2", -12.3);
    await open(CLUSTER, world);
    await shown("One more node may fail, whichever it is");
    await shown("3 of 3 are here, 2 are needed");
    await row("pve1").getByText("itself").waitFor();
    await row("pve2").getByText("10.99.0.2, fd00:99::2").waitFor();
    await row("pve2").getByText("0.42 ms, no loss").waitFor();
    await row("pve2").getByText("Clock differs by -12.3 s").waitFor();
    await row("pve3").getByText("Link 0, 2.1 ms, 8 % lost").waitFor();
    await row("pve3").getByText("Link 1, down").waitFor();
    await shown("An odd number of nodes needs no witness");
    await picture(at.page, "cluster-links");
  });

  test("a node gets a token, which is told once and then used", async () => {
    await open(CLUSTER, lab());
    await shown("No tokens were made lately");
    await button("Add a node").click();
    await dialog().locator("#add-node-lifetime").selectOption("86400");
    await press("Make token");
    await dialog().getByText("This secret is shown now").waitFor();
    const word = await dialog().locator("input").first().inputValue();
    assert.match(word, /^hfj1\.[\w-]+$/);
    await dialog().getByText("Join a cluster").waitFor();
    await picture(at.page, "cluster-token");
    await dialog()
      .getByRole("button", { name: "Close", exact: true })
      .last() // the first one is the window's
      .click();
    const { tokens } = at.mock.world.membership;
    const left = tokens[0].expires - Date.now() / 1000;
    assert.ok(left > 86_000 && left <= 86_400, `${left} s`);
    await row(tokens[0].id).getByText("Not used yet").waitFor();
    tokens[0].node = "pve4";
    await row(tokens[0].id).getByText("Used by pve4").waitFor();
    await button(`Delete token ${tokens[0].id}`).click();
    await press("Delete");
    await shown("No tokens were made lately");
  });

  test("a node that is lost is seen; removing it asks for its name", async () => {
    const world = lab();
    world.addGuest("qemu", 300, "left-behind", { node: "pve3" });
    await open(CLUSTER, world);
    await row("pve3").getByText("Online").waitFor();
    assert.equal(await button("Remove pve3").count(), 0);
    world.offlineNodes.add("pve3");
    await row("pve3").getByText("Offline").waitFor();
    await row("pve3").getByText("down", { exact: true }).waitFor();
    await shown("No node may fail: with one less");
    await button("Remove pve3").click();
    await dialog().getByText("300 (left-behind)").waitFor();
    await picture(at.page, "cluster-remove");
    const remove = dialog().getByRole("button", { name: "Remove" });
    assert.equal(await remove.isDisabled(), true);
    await dialog().locator("input").fill("pve3");
    await remove.click();
    await row("pve3").waitFor({ state: "detached" });
    await shown("With an even number of nodes");
  });

  test("without quorum it says what goes and what does not", async () => {
    const world = lab({ quorate: 0 });
    world.offlineNodes.add("pve2").add("pve3");
    await open(CLUSTER, world);
    await shown("have less than half of the votes");
    await shown("Everything can be read, nothing changed");
    await shown("No: it can only be read");
    await picture(at.page, "cluster-no-quorum");
  });

  test("the witness and its vote; a node that cannot tell says so", async () => {
    const world = lab({ witness: { casts: 1 } });
    world.nodes.pop();
    await open(CLUSTER, world);
    await shown("10.99.0.50:5403");
    await shown("It votes for this side");
    await shown("3 of 3 are here, 2 are needed");
    world.membership.witness.casts = 0;
    await shown("It does not answer in time");
    world.membership.untold = true;
    await shown("Not known: the asked node cannot tell how many votes");
  });

  test("a failed question can be asked again", async () => {
    const world = lab();
    await open(CLUSTER, world);
    const route = "**/api2/json/cluster/config/nodes";
    await at.page.route(route, (request) =>
      request.fulfill({ status: 500, json: { message: "the tree is away\n" } }),
    );
    await at.page.reload();
    await shown("the tree is away");
    await at.page.unroute(route);
    await row("pve2").waitFor();
  });
});
