// Realms, against the mock: the built-in ones are described, a directory is set up, changed and removed; that nobody can
// log in through it yet is said wherever it could be thought.
//
//   node --test tests/ui/realms.test.mjs
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { overflows, picture } from "./browser.mjs";
import { onMock } from "./mocked.mjs";

const { at, open, dialog, press, button, row } = onMock();

const field = (name) => dialog().locator(`#realm-${name}`);
const realm = (name) => at.mock.world.realms.find((one) => one.realm === name);
const closed = () => dialog().waitFor({ state: "detached" });

describe("realms", () => {
  test("a built-in one is described and offered first, and cannot be removed", async () => {
    await open("/access/realms");
    await row("Accounts of the hosts").getByText("Offered first").waitFor();
    assert.equal(await button("Delete pam").count(), 0);
    await button("Edit pve").click();
    await dialog().getByLabel("Offer this realm first").waitFor();
    const comment = field("comment");
    await at.page.waitForFunction(
      () => document.querySelector("#realm-comment").value !== "",
    );
    await comment.fill("people of this cluster");
    await dialog().getByLabel("Offer this realm first").check();
    await dialog().getByLabel("Ask everybody for a second factor").check();
    await dialog()
      .getByText(/Who has none can then not log in/)
      .waitFor();
    await press("Save");
    await row("Users of this cluster").getByText("Offered first").waitFor();
    await row("people of this cluster").waitFor();
    assert.equal(await at.page.getByText("Offered first").count(), 1);
    assert.equal(realm("pam").default, undefined);
    assert.equal(realm("pve").tfa, "type=oath");
  });

  test("a directory is set up; refusals stand at their fields, its secret is in no code", async () => {
    await open("/access/realms");
    await button("Add realm").click();
    await dialog()
      .getByText(/its users cannot log in/)
      .waitFor();
    await press("Add");
    await dialog()
      .locator("#realm-base_dn-note")
      .getByText(/must be filled in/)
      .waitFor();
    await field("realm").fill("staff");
    await field("base_dn").fill("ou=people,dc=example,dc=org");
    await field("user_attr").fill("uid");
    await field("server1").fill("not an address");
    await field("password").fill("bind-secret");
    await press("Add");
    await dialog()
      .locator("#realm-server1-note")
      .getByText(/does not look like an address/)
      .waitFor();
    await dialog().getByText("As code").click();
    await dialog().getByText("--base_dn").first().waitFor();
    assert.equal(await dialog().getByText("bind-secret").count(), 0);
    await picture(at.page, "realm-wide-light");
    await field("server1").fill("ldap.example.org");
    await field("mode").selectOption("ldaps");
    await press("Add");
    await row("staff").getByText("LDAP directory").waitFor();
    await row("staff").getByText("No log-in yet").waitFor();
    assert.equal(realm("staff").mode, "ldaps");
    assert.equal(realm("staff").password, "bind-secret");

    await button("Edit staff").click();
    await at.page.waitForFunction(
      () => document.querySelector("#realm-server1").value !== "",
    );
    assert.equal(await field("password").inputValue(), "");
    await field("mode").selectOption("");
    await field("comment").fill("everybody");
    await press("Save");
    await closed();
    await row("everybody").waitFor();
    assert.equal(realm("staff").mode, undefined);
    assert.equal(realm("staff").password, "bind-secret", "left as it was");

    await button("Delete staff").click();
    await dialog()
      .getByText(/names end in @staff stay listed/)
      .waitFor();
    await press("Delete");
    await row("staff").waitFor({ state: "detached" });
  });

  test("another kind has other fields; on a phone", async () => {
    await open("/access/realms", undefined, { size: "phone", theme: "dark" });
    await picture(at.page, "realms-phone-dark");
    await button("Add realm").click();
    await field("type").selectOption("openid");
    assert.equal(await field("base_dn").count(), 0);
    assert.equal(
      await field("tfa").count(),
      0,
      "of a provider's users it asks none",
    );
    await field("realm").fill("sso");
    await field("issuer-url").fill("https://id.example.org");
    await field("client-id").fill("holdfast");
    await picture(at.page, "realm-phone-dark");
    assert.equal(await overflows(at.page), false);
    await press("Add");
    await closed();
    assert.deepEqual(realm("sso"), {
      realm: "sso",
      type: "openid",
      "issuer-url": "https://id.example.org",
      "client-id": "holdfast",
    });
  });

  test("what cannot be read cannot be changed", async () => {
    await open("/access/realms");
    await row("office").waitFor();
    at.mock.world.realms = at.mock.world.realms.filter(
      ({ realm: name }) => name !== "office",
    );
    await button("Edit office").click();
    await dialog()
      .getByText(/'office' does not exist/)
      .waitFor();
    const save = dialog().getByRole("button", { name: "Save", exact: true });
    assert.equal(await save.isDisabled(), true);
  });
});
