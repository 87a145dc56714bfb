// TEST CODE. A browser on the mock: one browser for a file, a page and a world for each test. Call `onMock` once, at the
// top; `at` then holds the present page and mock.
import assert from "node:assert/strict";
import { after, afterEach, before } from "node:test";
import { launch, logIn, openPage } from "./browser.mjs";
import { World } from "./mock/world.mjs";
import { furnish, startMock } from "./mock_server.mjs";

export function onMock() {
  const at = { browser: null, page: null, mock: null };
  before(async () => (at.browser = await launch()));
  after(() => at.browser?.close());
  afterEach(async () => {
    const { problems } = at.page;
    await at.page.context().close();
    await at.mock.stop();
    assert.deepEqual(problems, [], "the browser reports no error");
  });
  const dialog = () => at.page.getByRole("dialog");
  /** An empty page before a world; `look`: size and theme. */
  const begin = async (world = furnish(new World()), look = {}) => {
    at.mock = await startMock({ world });
    at.page = await openPage(at.browser, look);
  };
  return {
    at,
    begin,
    /** Log in, at a place in a world. */
    open: async (path, world, look) => {
      await begin(world, look);
      await logIn(at.page, at.mock, path);
    },
    dialog,
    header: () => at.page.locator(".hf-header"),
    button: (name) => at.page.getByRole("button", { name, exact: true }),
    row: (text) => at.page.getByRole("row").filter({ hasText: text }),
    /** A button of the dialog. */
    press: (name) =>
      dialog().getByRole("button", { name, exact: true }).click(),
  };
}
