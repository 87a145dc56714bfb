import { expect, test } from "vitest";
import { bytes, duration, fraction, milliseconds, percent } from "./format";

test.each([
  [0, "0 B"],
  [-5, "0 B"],
  [Number.NaN, "0 B"],
  [1023, "1023 B"],
  [1024, "1 KiB"],
  [1536, "1.5 KiB"],
  [10.25 * 1024 ** 2, "10.3 MiB"],
  [2.125 * 1024 ** 3, "2.13 GiB"],
  [340 * 1024 ** 3, "340 GiB"],
  [1024 ** 6 * 3, "3072 PiB"],
])("bytes(%d) is %s", (value, text) => expect(bytes(value)).toBe(text));

test.each([
  [0, "0 %"],
  [0.0512, "5.1 %"],
  [0.05, "5 %"],
  [0.5, "50 %"],
  [1, "100 %"],
  [-1, "0 %"],
  [Number.NaN, "0 %"],
])("percent(%d) is %s", (value, text) => expect(percent(value)).toBe(text));

test.each([
  [0, "0 s"],
  [59.9, "59 s"],
  [60, "1 min"],
  [3661, "1 h 1 min"],
  [93784, "1 d 2 h"],
  [86405, "1 d"],
])("duration(%d) is %s", (value, text) => expect(duration(value)).toBe(text));

test.each([
  [0, "0 ms"],
  [0.000_42, "0.42 ms"],
  [0.003_456, "3.5 ms"],
  [0.0123, "12 ms"],
  [-1, "0 ms"],
])("milliseconds(%d) is %s", (value, text) => expect(milliseconds(value)).toBe(text));

test("fraction stays between nothing and all", () => {
  expect([fraction(1, 4), fraction(5, 4), fraction(-1, 4), fraction(1, 0)]).toEqual([0.25, 1, 0, 0]);
});
