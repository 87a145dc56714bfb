import { expect, test } from "vitest";
import { isLeaveKey } from "./leaveKey";

const plain = { key: "F", code: "KeyF", ctrlKey: true, shiftKey: true, altKey: false, metaKey: false };

test.each([
  ["as it is", {}, true],
  ["with caps lock", { key: "f" }, true],
  ["where F is elsewhere", { code: "KeyY" }, true],
  ["on a Cyrillic keyboard", { key: "А" }, true],
  ["another letter at its place", { key: "U" }, false],
  ["without Shift", { shiftKey: false }, false],
  ["without Ctrl", { ctrlKey: false }, false],
  ["with Alt", { altKey: true }, false],
])("%s", (_name, changes, expected) => expect(isLeaveKey({ ...plain, ...changes })).toBe(expected));
