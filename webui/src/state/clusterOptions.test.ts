import { describe, expect, test } from "vitest";
import { limits } from "../api/limits";
import { GROUPS, optionChange, optionFields, optionValues, partsOf } from "./clusterOptions";

const fields = GROUPS.flatMap((group) => optionFields(group));

describe("the table", () => {
  test("words of other options come from the API", () => {
    const selects = fields.filter(({ name, kind }) => kind === "select" && partsOf(name)[1] === null);
    expect(selects.map(({ name }) => name)).toEqual(["fencing", "console", "keyboard", "language"]);
    for (const { name, choices } of selects) {
      expect(choices).toEqual(limits["PUT /cluster/options"]?.[name]?.enum);
    }
  });

  test("no option is in two groups, where a change of one would undo the other's", () => {
    const owners = GROUPS.flatMap((group) => [...new Set(optionFields(group).map(({ name }) => partsOf(name)[0]))]);
    expect(new Set(owners).size).toBe(owners.length);
  });
});

test("of those that are for other programs only the notes are of use here", () => {
  const useful = optionFields("others").filter(({ keptOnly }) => !keptOnly);
  expect(useful.map(({ name }) => name)).toEqual(["description"]);
});

describe("values and changes", () => {
  const options = {
    crs: { ha: "static", "ha-auto-rebalance": 1, "of-tomorrow": "kept" },
    fencing: "both",
    "registered-tags": ["prod", "web"],
    bwlimit: { default: 1000, move: 20 },
    description: "two\nlines\n",
  };

  test("objects, lists and flags become text", () => {
    expect(optionValues("ha", options)).toMatchObject({
      "crs.ha": "static",
      "crs.ha-auto-rebalance": "1",
      "crs.ha-rebalance-on-start": "",
      "ha.shutdown_policy": "",
      fencing: "both",
    });
    expect(optionValues("guests", options)["registered-tags"]).toBe("prod;web");
    expect(optionValues("moves", options)["bwlimit"]).toBe("default=1000,move=20");
    expect(optionValues("others", options)["description"]).toBe("two\nlines");
  });

  test("nothing changed, nothing sent", () => {
    for (const group of GROUPS) {
      expect(optionChange(group, options, optionValues(group, options))).toEqual({ set: {}, remove: [] });
    }
  });

  test("keys without a field stay, emptied ones go, others join", () => {
    const after = {
      ...optionValues("ha", options),
      "crs.ha": "dynamic",
      "crs.ha-auto-rebalance": "",
      "ha.shutdown_policy": "migrate",
      fencing: "",
    };
    expect(optionChange("ha", options, after)).toEqual({
      set: { crs: "ha=dynamic,of-tomorrow=kept", ha: "shutdown_policy=migrate" },
      remove: ["fencing"],
    });
  });

  test("a property string that is empty is removed", () => {
    const moves = { migration: { type: "insecure" } };
    expect(optionChange("moves", moves, { "migration.type": "", "migration.network": " " })).toEqual({
      set: {},
      remove: ["migration"],
    });
  });
});
