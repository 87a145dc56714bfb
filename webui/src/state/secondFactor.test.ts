import { expect, test } from "vitest";
import { parseChallenge } from "../api/access";
import { base64url, bytesOf } from "../api/webauthn";
import { tidyCode, waysOf } from "./secondFactor";

const half = (told: unknown) =>
  `PVE:!tfa!${JSON.stringify(told).replaceAll("%", "%25").replaceAll(":", "%3A")}:6B002DF2::c2ln`;

test("a half ticket tells the factors", () => {
  const request = { challenge: "AQID", rpId: "host.example", allowCredentials: [{ id: "BAUG", type: "public-key" }] };
  const told = { totp: true, recovery: [0, 3, 9], webauthn: { publicKey: request } };
  const challenge = parseChallenge("zoe@pve", half(told));
  expect(challenge).toMatchObject({ user: "zoe@pve", totp: true, recoveryKeys: 3, webauthn: request });
  expect(waysOf(challenge, true)).toEqual(["webauthn", "totp", "recovery"]);
  expect(waysOf(challenge, false)).toEqual(["totp", "recovery"]);
});

test("what is not told is not offered", () => {
  expect(waysOf(parseChallenge("zoe@pve", half({ recovery: [], u2f: {} })), true)).toEqual([]);
  expect(waysOf(parseChallenge("zoe@pve", "another form"), true)).toEqual([]);
});

test("codes as people type them", () =>
  expect([" 123 456 ", "ab12-cd34\n"].map(tidyCode)).toEqual(["123456", "ab12-cd34"]));

test("bytes travel as base64url", () => {
  const bytes = new Uint8Array([251, 255, 190, 0, 1]);
  expect(base64url(bytes.buffer)).toBe("-_--AAE");
  expect([...bytesOf("-_--AAE")]).toEqual([...bytes]);
});
