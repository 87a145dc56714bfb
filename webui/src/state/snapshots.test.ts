import { describe, expect, test } from "vitest";
import type { Snapshot } from "../api/snapshots";
import { freeSnapshotName, snapshotRows } from "./snapshots";

const taken = (name: string, parent = "", takenS: number | null = 1): Snapshot => ({
  name,
  parent,
  takenS,
  description: "",
  memory: false,
});
const shown = (list: Snapshot[], presentAfter: string) =>
  snapshotRows({ taken: list, presentAfter }).map(
    ({ depth, snapshot }) => `${"  ".repeat(depth)}${snapshot?.name ?? "now"}`,
  );

describe("snapshotRows", () => {
  test("a guest without snapshots has its present state", () => {
    expect(shown([], "")).toEqual(["now"]);
  });

  test("branches by age, the present state last among its neighbours", () => {
    const list = [taken("late", "base", 9), taken("base", "", 1), taken("early", "base", 5), taken("deep", "early", 7)];
    expect(shown(list, "base")).toEqual(["base", "  early", "    deep", "  late", "  now"]);
    expect(shown(list, "deep")).toEqual(["base", "  early", "    deep", "      now", "  late"]);
  });

  test("nothing is lost where parents are gone or form a ring", () => {
    expect(shown([taken("orphan", "gone")], "gone")).toEqual(["orphan", "now"]);
    expect(shown([taken("a", "b"), taken("b", "a"), taken("self", "self")], "b")).toEqual([
      "a",
      "  b",
      "    now",
      "self",
    ]);
  });
});

test("freeSnapshotName counts up", () => {
  expect(freeSnapshotName([], "before")).toBe("before");
  expect(freeSnapshotName([taken("before"), taken("before-2")], "before")).toBe("before-3");
});
