import { describe, expect, test } from "vitest";
import type { Service } from "../api/ha";
import { serviceStatus, serviceWhy } from "./serviceWhy";

const service = (more: Partial<Service>): Service => ({
  sid: "vm:100",
  node: "a",
  state: "started",
  wish: "started",
  target: null,
  failedNodes: [],
  homeNode: null,
  maxRestart: 1,
  maxRelocate: 1,
  failback: true,
  comment: "",
  ...more,
});
const well = { quorate: true, armed: "armed" } as const;

describe("why", () => {
  test("what is as wanted needs no words", () => {
    expect(serviceWhy(service({}), well)).toBe("");
    expect(serviceWhy(service({ state: "stopped", wish: "stopped" }), well)).toBe("");
    expect(serviceWhy(service({ state: "a later state" }), well)).toBe("");
  });

  test("names are told: where it goes, where it failed, where it returns to", () => {
    expect(serviceWhy(service({ state: "migrate", target: "b" }), well)).toMatch(/from a to b/);
    expect(serviceWhy(service({ state: "starting", failedNodes: ["b", "c"] }), well)).toMatch(/a.*b, c/);
    expect(serviceWhy(service({ state: "error", failedNodes: ["b"] }), well)).toMatch(/ b/);
    expect(serviceWhy(service({ homeNode: "c" }), well)).toMatch(/ c /);
    expect(serviceWhy(service({ state: "fence" }), well)).toMatch(/^a /);
  });

  test("what concerns all services comes first, but not for one that nobody looks after", () => {
    const fenced = service({ state: "fence" });
    expect(serviceWhy(fenced, { ...well, quorate: false })).toMatch(/quorum/);
    expect(serviceWhy(fenced, { ...well, armed: "disarmed" })).toMatch(/disarmed/);
    expect(serviceWhy(service({ wish: "ignored", state: "ignored" }), { ...well, quorate: false })).toMatch(/ignored/);
  });
});

test("each state has its weight", () => {
  const of = (state: string, wish = "started") => serviceStatus(service({ state, wish }));
  expect([of("started"), of("error"), of("freeze"), of("migrate"), of("stopped", "stopped")]).toEqual([
    "success",
    "danger",
    "warning",
    "info",
    undefined,
  ]);
});
