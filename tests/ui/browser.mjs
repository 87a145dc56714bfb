// What all UI tests share: Debian's Chromium by playwright-core (from webui's lock file), log-in, pictures.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { keepForDocs } from "./docs_pictures.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const require = createRequire(join(ROOT, "webui", "package.json"));
const { chromium } = require("playwright-core");
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

/** Where pictures go; not in git. */
export const PICTURES =
  process.env.HOLDFAST_PICTURES ?? join(ROOT, "build", "ui");

export const SIZES = {
  wide: { width: 1440, height: 900 },
  phone: { width: 390, height: 844 },
};

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-dev-shm-usage",
      "--disable-gpu",
      "--disable-background-networking",
      "--no-first-run",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** Of the pages of walks, which are made at either: a phone's where HOLDFAST_UI_SIZE says so. */
export const { HOLDFAST_UI_SIZE: SIZE = "wide" } = process.env;

/** A fresh page that remembers what went wrong in it: `page.problems` (console errors, page errors, CSP reports). */
export async function openPage(browser, { size = SIZE, theme = "light" } = {}) {
  const context = await browser.newContext({
    viewport: SIZES[size],
    colorScheme: theme,
    ignoreHTTPSErrors: true,
    locale: "en-GB",
    hasTouch: size === "phone",
  });
  context.setDefaultTimeout(
    Number(process.env.HOLDFAST_UI_TIMEOUT_MS ?? 15000),
  );
  const page = await context.newPage();
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(String(error)));
  page.on("console", (message) => {
    // A refused request is logged by the browser itself; the tests look at what the page makes of it.
    if (
      message.type() === "error" &&
      !/Failed to load resource|WebSocket/.test(message.text())
    ) {
      page.problems.push(message.text());
    }
  });
  return page;
}

export async function logIn(page, { url, user, password }, path = "/") {
  await page.goto(`${url}/#${path}`);
  await page.getByLabel("User name").fill(user);
  await page.locator("#login-password").fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("button", { name: /User menu/ }).waitFor();
}

/** The tree of resources, which a phone hides until it is asked for. */
export async function openTree(page) {
  if (SIZE === "phone")
    await page.getByRole("button", { name: "Resource tree" }).click();
  return page.locator(".hf-tree");
}

/** Until a view's parts are loaded (each has a title), and what fades in is there: half faded, a text has too little contrast. */
async function settle(page) {
  await page.locator("h1").first().waitFor({ state: "attached" });
  await page.evaluate(() =>
    Promise.allSettled(
      document
        .getAnimations()
        .filter(({ effect }) => effect?.getComputedTiming().endTime < Infinity) // a spinner never ends
        .map(({ finished }) => finished),
    ),
  );
}

/** Take a picture of what is shown, and let axe-core look at it: what it objects to is a problem of the page. */
export async function picture(page, name) {
  mkdirSync(PICTURES, { recursive: true });
  await settle(page);
  const png = await page.screenshot({ path: join(PICTURES, `${name}.png`) });
  await keepForDocs(page, name, png);
  page.problems.push(
    ...(await violations(page)).map((text) => `axe, ${name}: ${text}`),
  );
}

/** Violations of WCAG 2.2 A and AA and of axe-core's best practices, each with the elements. */
async function violations(page) {
  await page.evaluate(`typeof axe === "object" || (() => { ${AXE} })()`);
  const found = await page.evaluate(async () => {
    const { violations: all } = await globalThis.axe.run(document, {
      resultTypes: ["violations"],
    });
    return all.map(({ id, nodes }) => [id, nodes.map((node) => node.html)]);
  });
  return found.map(([id, html]) => `${id}: ${html.slice(0, 3).join("  ")}`);
}

/** Does the page scroll sideways, or a dialog hide a button? Nothing should at any width. */
export function overflows(page) {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    const buttons = [...document.querySelectorAll("[role=dialog] button")];
    const cut = buttons.some((button) => {
      const edge = button.closest("[role=dialog]").getBoundingClientRect();
      return button.getBoundingClientRect().right > edge.right;
    });
    return scrollWidth > clientWidth || cut;
  });
}
