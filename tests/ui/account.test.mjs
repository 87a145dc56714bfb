// The second step of a log-in and the dialogs of one's own account, with refusals that a real node seldom gives.
// Against the mock only; second_factor.test.mjs walks the whole way on a real node.
//
//   node --test tests/ui/account.test.mjs
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { logIn, overflows, picture } from "./browser.mjs";
import { equip } from "./mock/access.mjs";
import { World } from "./mock/world.mjs";
import { furnish } from "./mock_server.mjs";
import { onMock } from "./mocked.mjs";
import { totp } from "./totp.mjs";

const SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const KEY = "1111-2222-3333-4444";

const { at, begin, open, dialog, button } = onMock();

const shown = (text) => at.page.getByText(text).first().waitFor();
const focusedId = () => at.page.evaluate(() => document.activeElement?.id);
const code = () => at.page.locator("#login-code");
const userMenu = () => at.page.getByRole("button", { name: /User menu/ });

/** The first step of a user who has these factors. */
async function firstStep(factors, look = {}) {
  const world = furnish(new World());
  equip(world, "root@pam", factors);
  await begin(world, look);
  await at.page.goto(at.mock.url);
  await at.page.getByLabel("User name").fill(at.mock.user);
  await at.page.locator("#login-password").fill(at.mock.password);
  await button("Log in").click();
  await at.page.getByRole("heading", { name: "Second step" }).waitFor();
}

/** Logged in as a user of realm pve, who confirms everything by password. */
async function asWalker({ factors, ...look } = {}) {
  const world = furnish(new World());
  if (factors) equip(world, "walker@pve", factors);
  await begin(world, look);
  await at.page.goto(at.mock.url);
  await at.page.getByLabel("User name").fill("walker");
  await at.page.locator("#login-password").fill("walker-secret");
  await at.page.getByLabel("Realm").selectOption("pve");
  await button("Log in").click();
}

async function openMenu(item) {
  await userMenu().click();
  await at.page.getByRole("menuitem", { name: item }).click();
  await dialog().waitFor();
}

describe("the second step", () => {
  test("by keyboard alone: a wrong code is explained, the next one lets in", async () => {
    await firstStep({ secret: SECRET });
    assert.equal(await focusedId(), "login-code");
    await at.page.keyboard.type("000000");
    await at.page.keyboard.press("Enter");
    await at.page
      .getByRole("alert")
      .or(at.page.locator("[aria-live=assertive]"))
      .first()
      .waitFor();
    await shown("This code was not accepted.");
    assert.equal(await focusedId(), "login-code");
    assert.equal(await code().inputValue(), "");
    await picture(at.page, "second-step-wrong");
    await at.page.keyboard.type(totp(SECRET).replace(/^.../, "$& "));
    await at.page.keyboard.press("Enter");
    await userMenu().waitFor();
  });

  test("many wrong codes: the limit is told before it is reached", async () => {
    await firstStep({ secret: SECRET });
    for (let i = 0; i < 4; i++) {
      await code().fill("000000");
      await at.page.keyboard.press("Enter");
      await at.page.waitForFunction(
        () => document.querySelector("#login-code")?.value === "",
      );
    }
    await shown("After eight wrong codes in a row");
  });

  test("a first step that is too long ago begins again, and says so", async () => {
    await firstStep({ secret: SECRET });
    await at.page.clock.install({ time: Date.now() + 6 * 60_000 });
    at.mock.world.challenges.clear();
    await code().fill("123456");
    await at.page.keyboard.press("Enter");
    await shown("The first step was more than five minutes ago.");
    assert.equal(
      await at.page.getByLabel("User name").inputValue(),
      at.mock.user,
    );
  });

  test("an empty code is asked for", async () => {
    await firstStep({ secret: SECRET });
    await at.page.keyboard.press("Enter");
    await shown("Enter the code.");
  });

  test("a recovery key in its place, good once", async () => {
    await firstStep({ secret: SECRET, recovery: [KEY, "aaaa-bbbb-cccc-dddd"] });
    await button("Use a recovery key").click();
    await shown("2 are left");
    assert.equal(await focusedId(), "login-code");
    await at.page.keyboard.type(KEY);
    await at.page.keyboard.press("Enter");
    await userMenu().waitFor();
    assert.equal(
      at.mock.world.users.get("root@pam").recovery.includes(KEY),
      false,
    );
  });

  test("back to the first step, where the name still stands", async () => {
    await firstStep({ secret: SECRET });
    await button("Back to the first step").click();
    await at.page.getByRole("heading", { name: "Log in" }).waitFor();
    assert.equal(
      await at.page.getByLabel("User name").inputValue(),
      at.mock.user,
    );
    assert.equal(await at.page.locator("#login-password").inputValue(), "");
  });

  test("a security key that is not for this address: said in words, another way stays open", async () => {
    await firstStep({
      secret: SECRET,
      keys: ["AQIDBA"],
      rpId: "other.example",
    });
    assert.equal(
      await at.page.evaluate(() => document.activeElement?.textContent),
      "Use security key",
    );
    await picture(at.page, "second-step-key");
    await at.page.keyboard.press("Enter");
    await shown("Security keys are not registered for the name localhost.");
    await button("Use a code of the authenticator app").click();
    await code().fill(totp(SECRET));
    await button("Log in").click();
    await userMenu().waitFor();
  });

  test("factors that this browser cannot use", async () => {
    const world = new World();
    equip(world, "root@pam", { keys: ["AQIDBA"] });
    await begin(world);
    await at.page.addInitScript(() => delete globalThis.PublicKeyCredential);
    await at.page.goto(at.mock.url);
    await at.page.getByLabel("User name").fill(at.mock.user);
    await at.page.locator("#login-password").fill(at.mock.password);
    await button("Log in").click();
    await shown("None of this account's second factors can be used here.");
  });
});

describe("realms", () => {
  test("those that take a password are offered, the default one is chosen", async () => {
    const world = new World();
    world.realms[0].default = undefined;
    world.realms[1].default = 1;
    await begin(world);
    await at.page.goto(at.mock.url);
    const realm = at.page.getByLabel("Realm");
    await realm.locator("option").first().waitFor({ state: "attached" });
    assert.deepEqual(await realm.locator("option").allInnerTexts(), [
      "pam: accounts of the host (PAM)",
      "pve: accounts of this cluster",
    ]);
    assert.equal(await realm.inputValue(), "pve");
    await at.page.getByLabel("User name").fill("root@pam"); // a realm in the name wins
    await at.page.locator("#login-password").fill(at.mock.password);
    await button("Log in").click();
    await userMenu().waitFor();
  });

  test("a server that cannot tell them: the host's own stays", async () => {
    await begin(new World());
    await at.page.route("**/access/domains", (route) => route.abort());
    await logIn(at.page, at.mock);
  });
});

describe("password", () => {
  test("is asked for twice, refused at its field, and changed", async () => {
    await asWalker();
    await openMenu("Change password");
    const field = (name) => dialog().locator(`#password-${name}`);
    const save = () =>
      dialog().getByRole("button", { name: "Change password" }).click();
    const note = (name) => dialog().locator(`#password-${name}-note`);
    await save();
    assert.match(await note("password").innerText(), /must be filled in/);
    await field("confirmation-password").fill("not-it-at-all");
    await field("password").fill("short");
    await field("again").fill("shorter");
    await save();
    await note("again").getByText("The two are not the same.").waitFor();
    await field("again").fill("short");
    await save();
    await note("password")
      .getByText(/at least 8 characters/)
      .waitFor();
    await field("password").fill("walker-new-secret");
    await field("again").fill("walker-new-secret");
    await save();
    await dialog()
      .getByText(/that is not your password/)
      .waitFor();
    await picture(at.page, "password-refused");
    await field("confirmation-password").fill("walker-secret");
    await save();
    await shown("The password was changed.");
    assert.equal(
      at.mock.world.users.get("walker@pve").password,
      "walker-new-secret",
    );
  });

  test("of a host account: no present one, and what else changes", async () => {
    await open("/");
    await openMenu("Change password");
    await dialog()
      .getByText(/password for the shell and SSH/)
      .waitFor();
    assert.equal(await dialog().locator("input").count(), 2);
    await at.page.keyboard.press("Escape");
    await dialog().waitFor({ state: "detached" });
  });
});

describe("second factors", () => {
  test("a wrong code or password keeps the dialog with its secret", async () => {
    await asWalker();
    await openMenu("Second factors");
    await dialog().getByText("There is none yet.").waitFor();
    await dialog()
      .getByRole("button", { name: "Add authenticator app" })
      .click();
    const secret = await dialog().locator(".hf-secret").innerText();
    await dialog().getByLabel("Code that the app shows now").fill("000000");
    await dialog().locator("#totp-password").fill("wrong-one");
    await dialog().getByRole("button", { name: "Add", exact: true }).click();
    await dialog()
      .getByText(/that is not your password/)
      .waitFor();
    await dialog().locator("#totp-password").fill("walker-secret");
    await dialog().getByRole("button", { name: "Add", exact: true }).click();
    await dialog()
      .locator("#totp-value-note")
      .getByText(/not the present code/)
      .waitFor();
    assert.equal(await dialog().locator(".hf-secret").innerText(), secret);
    await picture(at.page, "totp-refused");
    await at.page.keyboard.press("Escape");
    await dialog().getByText("There is none yet.").waitFor();
  });

  test("recovery keys stay until they are said to be stored, and print alone", async () => {
    await asWalker();
    await openMenu("Second factors");
    await dialog().getByRole("button", { name: "Make recovery keys" }).click();
    await dialog().locator("#recovery-password").fill("walker-secret");
    await dialog().getByRole("button", { name: "Make keys" }).click();
    const keys = at.page.locator(".hf-recovery-keys li");
    await keys.first().waitFor();
    assert.deepEqual(
      await keys.allInnerTexts(),
      at.mock.world.users.get("walker@pve").recovery,
    );
    await at.page.keyboard.press("Escape");
    await keys.first().waitFor();
    await at.page.emulateMedia({ media: "print" });
    assert.equal(await keys.first().isVisible(), true);
    assert.equal(await button("I have stored them").isVisible(), false);
    assert.equal(
      await at.page.getByRole("heading", { name: "Data center" }).isVisible(),
      false,
    );
    await picture(at.page, "recovery-keys-printed");
    await at.page.emulateMedia({ media: "screen" });
    await button("I have stored them").click();
    await dialog()
      .getByRole("row")
      .filter({ hasText: "Recovery keys" })
      .waitFor();
    assert.equal(
      await at.page
        .getByText(at.mock.world.users.get("walker@pve").recovery[0])
        .count(),
      0,
    );
  });

  test("a failing list can be asked for again", async () => {
    await asWalker();
    await at.page.route("**/access/tfa/**", (route) => route.abort());
    await openMenu("Second factors");
    await dialog().getByText("The server does not answer.").waitFor();
    await at.page.unroute("**/access/tfa/**");
    await dialog().getByRole("button", { name: "Try again" }).click();
    await dialog().getByText("There is none yet.").waitFor();
  });
});

describe("pictures", () => {
  const FACTORS = { secret: SECRET, recovery: [KEY], keys: ["AQIDBA"] };
  for (const size of ["wide", "phone"]) {
    for (const theme of ["light", "dark"]) {
      test(`nothing scrolls sideways: ${size}, ${theme}`, async () => {
        const wide = [];
        const look = async (name) => {
          await at.page.waitForTimeout(300);
          await picture(at.page, `${name}-${size}-${theme}`);
          if (await overflows(at.page)) wide.push(name);
        };
        await asWalker({ size, theme, factors: FACTORS });
        await shown("Second step");
        await look("second-step-webauthn");
        await button("Use a code of the authenticator app").click();
        await look("second-step-totp");
        await button("Use a recovery key").click();
        await look("second-step-recovery");
        await code().fill(KEY);
        await button("Log in").click();
        await openMenu("Change password");
        await look("account-password");
        await at.page.keyboard.press("Escape");
        await openMenu("Second factors");
        await dialog().getByRole("row").filter({ hasText: "Phone" }).waitFor();
        await look("account-factors");
        await dialog().getByRole("button", { name: "Remove Phone" }).click();
        await look("account-remove-factor");
        await dialog().getByRole("button", { name: "Cancel" }).click();
        await dialog()
          .getByRole("button", { name: "Add security key" })
          .click();
        await look("account-add-key");
        await dialog().getByRole("button", { name: "Cancel" }).click();
        await dialog()
          .getByRole("button", { name: "Add authenticator app" })
          .click();
        await look("account-add-totp");
        await dialog().getByRole("button", { name: "Cancel" }).click();
        await dialog()
          .getByRole("button", { name: "Make recovery keys" })
          .click();
        await dialog().locator("#recovery-password").fill("walker-secret");
        await look("account-make-recovery");
        await dialog().getByRole("button", { name: "Make keys" }).click();
        await button("I have stored them").waitFor();
        await look("account-recovery-keys");
        await button("I have stored them").click();
        assert.deepEqual(wide, []);
      });
    }
  }
});
