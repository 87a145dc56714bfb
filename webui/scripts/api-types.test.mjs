import { describe, expect, test } from "vitest";
import { generateLimits, generateTypes, parseMethodList, typeOf } from "./api-types.mjs";

const METHOD = {
  method: "POST",
  path: "/nodes/{node}/qemu",
  parameters: {
    node: { type: "string" },
    "net[n]": { type: "string", optional: true },
    cores: { type: "integer", optional: true, minimum: 1, default: 1 },
    "new-format": { type: "boolean", optional: true },
    bios: { type: "string", enum: ["seabios", "ovmf"] },
  },
  returns: { type: "array", items: { type: "object", properties: { n: { type: "integer" } } } },
};

test("the list of methods leaves out comments", () => {
  expect(parseMethodList("# words\n\nGET /version\nPOST /x  form\n")).toEqual([
    { key: "GET /version", form: false },
    { key: "POST /x", form: true },
  ]);
});

describe("types", () => {
  const text = generateTypes([METHOD]);

  test("parameters: numbered options, quoted names, closed sets", () => {
    expect(text).toContain("[key: `net${number}`]: string;");
    expect(text).toContain("cores?: number;");
    expect(text).toContain('"new-format"?: boolean;');
    expect(text).toContain('bios: "seabios" | "ovmf";');
  });

  test("answers are loose about numbers and booleans", () => {
    expect(text).toContain("n: Num;");
    expect(typeOf({ type: "boolean" }, "out")).toBe("Bool");
    expect(typeOf({ type: "object" }, "out")).toContain("[key: string]: unknown;");
    expect(typeOf({}, "out")).toBe("unknown");
  });
});

test("limits hold what constrains a parameter, and nothing else", () => {
  const table = JSON.parse(/= (\{[\s\S]*\});\n$/.exec(generateLimits([METHOD]))[1]);
  expect(table).toEqual({
    "POST /nodes/{node}/qemu": { bios: { enum: ["seabios", "ovmf"] }, cores: { minimum: 1, default: 1 } },
  });
});
