import { expect, test } from "vitest";
import { t, tn, tOptional } from "./index";

test("values are filled in; unknown names stay visible", () => {
  expect(t("usage.of", { used: "1 GiB", total: "2 GiB" })).toBe("1 GiB of 2 GiB");
  expect(t("usage.of", { used: "1 GiB" })).toBe("1 GiB of {total}");
});

test("counts choose their form", () => {
  expect([tn("cpus", 1), tn("cpus", 0), tn("cpus", 2)]).toEqual(["1 CPU", "0 CPUs", "2 CPUs"]);
});

test("words from the server may be unknown", () => {
  expect(tOptional("content.iso")).toBe("ISO image");
  expect(tOptional("content.nothing")).toBeNull();
});

test("no key has two texts", async () => {
  const parts = import.meta.glob<Record<string, Record<string, string>>>(["./en/*.ts", "!./en/index.ts"], {
    eager: true,
  });
  const keys = Object.values(parts).flatMap((part) => Object.values(part).flatMap((words) => Object.keys(words)));
  expect(keys.filter((key, place) => keys.indexOf(key) !== place)).toEqual([]);
});
