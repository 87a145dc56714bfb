import { describe, expect, test } from "vitest";
import { axisSteps, graphsOf, inWords, summary } from "./graphs";

const HISTORY = { times: [60, 120], values: { cpu: [null, 0.25], mem: [1024, 3072], netin: [null, null] } };

describe("graphsOf", () => {
  const graphs = graphsOf("guest", HISTORY);

  test("lines of which something is known", () => {
    expect(graphs.map(({ title, lines }) => [title, lines.map(({ label }) => label)])).toEqual([
      ["CPU", ["In use"]],
      ["Memory", ["Used"]],
      ["Network", []],
      ["Disk", []],
      ["Pressure", []],
    ]);
  });

  test("in words for those who do not see it", () => {
    expect(graphs[1] && summary(graphs[1])).toBe("Memory: Used: 3 KiB now, 3 KiB at most.");
  });
});

test("values in words", () => {
  expect([inWords("share", 0.051), inWords("rate", 2048), inWords("number", 0.21999)]).toEqual([
    "5.1 %",
    "2 KiB/s",
    "0.22",
  ]);
});

test("marks of an axis are round in its unit, and rise", () => {
  expect(axisSteps("bytes").slice(0, 12)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048]);
  expect(axisSteps("share").slice(0, 4)).toEqual([0.0001, 0.0002, 0.0005, 0.001]);
  for (const unit of ["bytes", "number"] as const) {
    expect(axisSteps(unit)).toEqual([...axisSteps(unit)].sort((a, b) => a - b));
  }
});
