import { expect, test } from "vitest";
import { greeting, input, readGreeting, size } from "./terminalProtocol";

test("messages of the client; keys are counted in bytes", () => {
  expect(greeting("root@pam", "PVEVNC:1::x")).toBe("root@pam:PVEVNC:1::x\n");
  expect(input("aä€")).toBe("0:6:aä€");
  expect(size(80, 24)).toBe("1:80:24:");
});

test("the server's agreement may come in pieces and with output behind it", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  expect(readGreeting(bytes("O"))).toBeNull();
  expect(readGreeting(bytes("OKlogin: "))).toEqual({ ok: true, rest: bytes("login: ") });
  expect(readGreeting(bytes("no"))?.ok).toBe(false);
});
