// The walk through one's own account: change the password, add an authenticator app, recovery keys and a security key,
// log in with each, remove them. The same steps against a real node (see target.mjs) and the mock. The security key
// is Chromium's virtual authenticator, so the real node checks real signatures.
//
//   BASE_URL=https://localhost:8006 HOLDFAST_PASSWORD=… node --test tests/ui/second_factor.test.mjs
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, openPage, picture } from "./browser.mjs";
import { openTarget } from "./target.mjs";
import { PERIOD_MS, totp } from "./totp.mjs";

const WALKER = "walker@pve";
const FIRST_PASSWORD = "walker-secret";
const PASSWORD = "walker-second-secret";
const ANSWER_MS = 30_000; // a refused log-in takes three seconds, an emulated machine its own time

let target, url, browser, page, admin, secret, recoveryKeys;

/** The API as root@pam, without the page. */
async function openAdmin() {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const api = `${url}/api2/json`;
  const { user, password } = target;
  const answer = await context.request.post(`${api}/access/ticket`, {
    form: { username: user, password, realm: "pam" },
  });
  const { ticket, CSRFPreventionToken } = (await answer.json()).data;
  const headers = {
    Cookie: `PVEAuthCookie=${encodeURIComponent(ticket)}`,
    CSRFPreventionToken,
  };
  return async (method, path, form) => {
    const done = await context.request.fetch(api + path, {
      method,
      headers,
      ...(form && { form }),
    });
    assert.equal(done.ok(), true, `${method} ${path}: ${await done.text()}`);
  };
}

before(async () => {
  target = await openTarget();
  url = target.url.replace("127.0.0.1", "localhost"); // security keys go by name
  browser = await launch();
  if (target.real) {
    admin = await openAdmin();
    await admin("POST", "/access/users", {
      userid: WALKER,
      password: FIRST_PASSWORD,
    });
    await admin("PUT", "/access/acl", {
      path: "/",
      users: WALKER,
      roles: "PVEAuditor",
    });
    await admin("PUT", "/cluster/options", {
      webauthn: `id=localhost,origin=${url}`,
    });
  }
  page = await openPage(browser);
  page.setDefaultTimeout(ANSWER_MS);
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("WebAuthn.enable");
  await devtools.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "usb",
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
});

after(async () => {
  if (page) await picture(page, "second-factor-end");
  if (admin) {
    await admin("DELETE", `/access/users/${WALKER}`);
    await admin("PUT", "/cluster/options", { delete: "webauthn" });
  }
  await browser?.close();
  await target?.stop();
});

const dialog = () => page.getByRole("dialog");
const button = (name) => page.getByRole("button", { name, exact: true });
const userMenu = () => page.getByRole("button", { name: /User menu/ });
const inDialog = (name) => dialog().getByRole("button", { name, exact: true });

async function firstStep(password) {
  await page.goto(url);
  await page.getByLabel("User name").fill("walker");
  await page.locator("#login-password").fill(password);
  await page.getByLabel("Realm").selectOption("pve");
  await button("Log in").click();
}

async function openMenu(item) {
  await userMenu().click();
  await page.getByRole("menuitem", { name: item }).click();
}

async function logOut() {
  await openMenu("Log out");
  await page.getByLabel("User name").waitFor();
}

async function closeFactors() {
  await inDialog("Close").last().click();
  await dialog().waitFor({ state: "detached" });
}

test("log in to a realm, change the password", async () => {
  await firstStep(FIRST_PASSWORD);
  await openMenu("Change password");
  await dialog()
    .locator("#password-confirmation-password")
    .fill(FIRST_PASSWORD);
  await dialog().locator("#password-password").fill(PASSWORD);
  await dialog().locator("#password-again").fill(PASSWORD);
  await inDialog("Change password").click();
  await page.getByText("The password was changed.").waitFor();
});

test("add an authenticator app", async () => {
  await openMenu("Second factors");
  await inDialog("Add authenticator app").click();
  secret = await dialog().locator(".hf-secret").innerText();
  await dialog()
    .getByRole("img", { name: /QR code/ })
    .waitFor();
  await dialog().getByLabel("Code that the app shows now").fill(totp(secret));
  await dialog().locator("#totp-description").fill("Walker's phone");
  await dialog().locator("#totp-password").fill(PASSWORD);
  await inDialog("Add").click();
  await dialog()
    .getByRole("row")
    .filter({ hasText: "Walker's phone" })
    .waitFor();
  await dialog().getByText("without them a lost phone").waitFor();
});

test("make recovery keys", async () => {
  await inDialog("Make recovery keys").click();
  await dialog().locator("#recovery-password").fill(PASSWORD);
  await inDialog("Make keys").click();
  await inDialog("I have stored them").waitFor();
  recoveryKeys = await dialog().locator(".hf-recovery-keys li").allInnerTexts();
  assert.equal(recoveryKeys.length, 10);
  await inDialog("I have stored them").click();
  await dialog()
    .getByRole("row")
    .filter({ hasText: "Recovery keys" })
    .waitFor();
  await closeFactors();
  await logOut();
});

test("log in with the app's code, after a wrong one", async () => {
  await firstStep(PASSWORD);
  await page.locator("#login-code").fill("000000");
  await button("Log in").click();
  await page.getByText("This code was not accepted.").waitFor();
  await picture(page, "second-factor-wrong");
  // The code of the moment was used when the app was added; the next one is taken already.
  await page.locator("#login-code").fill(totp(secret, Date.now() + PERIOD_MS));
  await button("Log in").click();
  await userMenu().waitFor();
});

test("add a security key", async () => {
  await openMenu("Second factors");
  await inDialog("Add security key").click();
  await dialog().locator("#webauthn-description").fill("Walker's key");
  await dialog().locator("#webauthn-password").fill(PASSWORD);
  await inDialog("Add").click();
  await dialog().getByRole("row").filter({ hasText: "Walker's key" }).waitFor();
  await picture(page, "second-factor-list");
  await inDialog("Add security key").click();
  await dialog().locator("#webauthn-password").fill(PASSWORD);
  await inDialog("Add").click();
  await dialog()
    .getByText("This security key is registered already.")
    .waitFor();
  await inDialog("Cancel").click();
  await closeFactors();
  await logOut();
});

test("log in with the security key", async () => {
  await firstStep(PASSWORD);
  await button("Use security key").click();
  await userMenu().waitFor();
  await logOut();
});

test("log in with a recovery key, in capitals as somebody may write it down", async () => {
  await firstStep(PASSWORD);
  await button("Use a recovery key").click();
  const key = target.real ? recoveryKeys[0].toUpperCase() : recoveryKeys[0];
  await page.locator("#login-code").fill(key);
  await button("Log in").click();
  await userMenu().waitFor();
});

test("remove them all: the password alone is enough again", async () => {
  await openMenu("Second factors");
  for (const name of ["Walker's key", "Walker's phone", "Recovery keys"]) {
    await inDialog(`Remove ${name}`).click();
    await dialog().locator("#remove-factor-password").fill(PASSWORD);
    await inDialog("Remove").click();
    await inDialog(`Remove ${name}`).waitFor({ state: "detached" });
    await inDialog("Close").last().waitFor();
  }
  await dialog().getByText("There is none yet.").waitFor();
  await closeFactors();
  await logOut();
  await firstStep(PASSWORD);
  await userMenu().waitFor();
});

test("nothing went wrong in the browser", () =>
  assert.deepEqual(page.problems, []));
