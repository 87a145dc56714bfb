import { expect, test } from "vitest";
import { base32, grouped, newSecret, otpauthUri } from "./totp";

test.each([
  ["", ""],
  ["f", "MY"],
  ["fo", "MZXQ"],
  ["foobar", "MZXW6YTBOI"],
])("base32 of %j (RFC 4648, section 10)", (text, encoded) => {
  expect(base32(new TextEncoder().encode(text))).toBe(encoded);
});

test("a secret has 160 bits and is another one each time", () => {
  expect(newSecret()).toMatch(/^[A-Z2-7]{32}$/);
  expect(newSecret()).not.toBe(newSecret());
});

test("the address for the app", () => {
  const uri = new URL(otpauthUri("Holdfast dev 1", "zoe@pve", "MZXW6YTB"));
  expect(uri.pathname).toMatch(/Holdfast%20dev%201:zoe%40pve$/);
  expect(uri.searchParams.get("secret")).toBe("MZXW6YTB");
  expect(uri.searchParams.get("issuer")).toBe("Holdfast dev 1");
});

test("groups for typing", () => expect(grouped("ABCDEFGHIJ")).toBe("ABCD EFGH IJ"));
