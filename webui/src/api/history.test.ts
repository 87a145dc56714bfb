import { expect, test } from "vitest";
import { historyFromWire } from "./history";

test("rows become columns; what a row does not tell is null", () => {
  const answer = [{ time: 60 }, { time: 120, cpu: 0.5, mem: "7" }, { time: 180, cpu: 0 }];
  expect(historyFromWire(answer)).toEqual({
    times: [60, 120, 180],
    values: { cpu: [null, 0.5, 0], mem: [null, 7, null] },
  });
});

test("nothing recorded", () => {
  expect(historyFromWire([])).toEqual({ times: [], values: {} });
  expect(historyFromWire(null)).toEqual({ times: [], values: {} });
});
