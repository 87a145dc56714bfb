import { expect, test } from "vitest";
import { readJoinToken } from "./joinToken";

const FINGERPRINT = "ab".repeat(32);
const word = (said: unknown) =>
  `hfj1.${btoa(JSON.stringify(said)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}`;

test("a token tells where the cluster is and which certificate must answer", () => {
  const said = { a: ["192.0.2.1", "fd00::1"], f: FINGERPRINT, i: "0011223344556677", s: "??>>" };
  expect(readJoinToken(`  ${word(said)}\n`)).toEqual({
    addresses: ["192.0.2.1", "fd00::1"],
    fingerprint: Array(32).fill("AB").join(":"),
  });
});

test("anything else is none", () => {
  const wrong = [
    "",
    "hfj1.",
    "hfj1.!!",
    "hfj2.e30",
    word({}),
    word({ a: [], f: FINGERPRINT }),
    word({ a: ["b"], f: "ab" }),
  ];
  expect(wrong.map(readJoinToken)).toEqual(wrong.map(() => null));
  expect(readJoinToken(word(null))).toBeNull();
});
