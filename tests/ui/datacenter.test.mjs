// How the views of the whole cluster look at both widths and in both themes, busy and empty, with long names.
//
//   node --test tests/ui/datacenter.test.mjs
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { overflows, picture } from "./browser.mjs";
import { busyLab } from "./mock/labs.mjs";
import { onMock } from "./mocked.mjs";

const { at, open, dialog, button } = onMock();

/** Name, a heading or text that says that the view is there, and the tab where it is called otherwise. */
const VIEWS = [
  ["cluster", "Join tokens"],
  ["ha", "Incidents"],
  ["storages", "local-lvm", "storage"],
  ["pools", "production/customer-facing/shop"],
  ["options", "Notes, and options for other programs"],
];

function world() {
  const made = busyLab();
  made.nodes.push("a-node-with-a-name-that-is-as-long-as-names-may-be-in-dns");
  made.offlineNodes.add(made.nodes.at(-1));
  made.membership.witness = { casts: 1 };
  made.pools = new Map([
    [
      "production/customer-facing/shop",
      {
        comment: "whatever our customers see, and what it needs",
        vms: new Set(["100", "101", "102", "200"]),
        storage: new Set(["local", "local-lvm"]),
      },
    ],
  ]);
  made.options = {
    crs: "ha=dynamic",
    description: "Rack 4, call Anna\nbefore switching anything off",
    "registered-tags": "prod;web;database;customer-facing;backup;licensed",
  };
  return made;
}

/** Bring it to the top by what scrolls; scrollIntoView also moves what hides its overflow, as nobody can. */
function scrollTo(heading) {
  let box = heading.parentElement;
  const scrolls = () =>
    /auto|scroll/.test(getComputedStyle(box).overflowY) &&
    box.scrollHeight > box.clientHeight;
  while (box.parentElement && !scrolls()) box = box.parentElement;
  box.scrollTop +=
    heading.getBoundingClientRect().top - box.getBoundingClientRect().top;
}

describe("pictures", () => {
  for (const size of ["wide", "phone"]) {
    for (const theme of ["light", "dark"]) {
      test(`no view of the cluster scrolls sideways: ${size}, ${theme}`, async () => {
        await open("/", world(), { size, theme });
        const wide = [];
        const look = async (name) => {
          await at.page.waitForTimeout(400); // drawn
          await picture(at.page, `${name}-${size}-${theme}`);
          if (await overflows(at.page)) wide.push(name);
        };
        /** The rest of a view that is longer than the window. */
        const lookFurther = async (name) => {
          const headings = at.page.getByRole("heading", { level: 2 });
          const count = await headings.count();
          for (const i of new Set([Math.floor(count / 2), count - 1])) {
            await headings.nth(i).evaluate(scrollTo);
            await look(`${name}-at-${i}`);
          }
        };
        for (const [name, text, tab = name] of VIEWS) {
          await at.page.goto(`${at.mock.url}/#/datacenter/${tab}`);
          await at.page.getByRole("main").getByText(text).first().waitFor();
          await look(name);
          await lookFurther(name);
        }
        await at.page.goto(`${at.mock.url}/#/datacenter/ha`);
        await button("Add rule").click();
        await dialog().waitFor();
        await look("ha-rule");
        assert.deepEqual(wide, []);
      });
    }
  }
});
