// The table of the cluster's options against the server's own of what property strings hold.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { GROUPS, optionFields, partsOf } from "../src/state/clusterOptions";

const FACTS = new URL("../../hostd/core/formats/facts.json", import.meta.url);
const FORMATS = {
  migration: "inline:migration",
  ha: "inline:ha",
  crs: "inline:crs",
  "next-id": "inline:next-id",
  "user-tag-access": "inline:user-tag-access",
  webauthn: "inline:webauthn",
};

test("keys of property strings are the server's, with their words and what holds without them", () => {
  const { property_strings: known } = JSON.parse(readFileSync(FACTS, "utf8"));
  const seen = GROUPS.flatMap((group) => optionFields(group)).filter(({ name }) => partsOf(name)[1] !== null);
  expect(seen.length).toBeGreaterThan(10);
  for (const { name, choices, usual, kind } of seen) {
    const [option, key] = partsOf(name);
    const declared = known[FORMATS[option]]?.[key];
    expect(declared, name).toBeDefined();
    expect(choices, name).toEqual(declared.enum ?? []);
    if (kind === "checkbox") expect([declared.type, declared.default], name).toEqual(["boolean", 0]);
    else expect(usual, name).toBe(declared.default?.toString());
  }
});
