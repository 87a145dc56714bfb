import { expect, test } from "vitest";
import { taskTitle } from "./taskTitle";

test.each([
  ["qmstart", "100", "VM 100: start"],
  ["imgcopy", "", "Copy data"],
  ["somenew", "7", "somenew 7"],
  ["somenew", "", "somenew"],
])("%s of %o is titled", (type, id, title) => expect(taskTitle({ type, id })).toBe(title));
