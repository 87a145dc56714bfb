import { expect, test } from "vitest";
import { COMBOS, strokes, typeCombo } from "./keyCombos";

test("every combination is made of known keys", () => {
  for (const combo of COMBOS) expect(strokes(combo).every((key) => key !== undefined)).toBe(true);
});

test("keys go down in order and come up the other way round", () => {
  const sent: string[] = [];
  typeCombo("Ctrl+Alt+Del", (_keysym, code, down) => sent.push(`${code} ${down ? "down" : "up"}`));
  expect(sent).toEqual([
    "ControlLeft down",
    "AltLeft down",
    "Delete down",
    "Delete up",
    "AltLeft up",
    "ControlLeft up",
  ]);
});
