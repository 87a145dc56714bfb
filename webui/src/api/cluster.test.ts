import { describe, expect, test } from "vitest";
import { resourceFromWire } from "./cluster";
import { parseVersion, virtualizationFromWire } from "./nodes";
import { bool, list, num, numOrNull } from "./wire";

describe("wire values", () => {
  test("numbers arrive as numbers, text or not at all", () => {
    expect([num("12"), num(1.5), num(undefined), num("x")]).toEqual([12, 1.5, 0, 0]);
    expect([numOrNull("0"), numOrNull(""), numOrNull(null)]).toEqual([0, null, null]);
  });

  test("booleans and lists", () => {
    expect([bool(1), bool("1"), bool(true), bool(0), bool(""), bool(undefined)]).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(list("a;b, c")).toEqual(["a", "b", "c"]);
    expect(list(undefined)).toEqual([]);
  });
});

describe("resources", () => {
  test("a guest: values are converted, a missing name is the id", () => {
    const guest = resourceFromWire({
      id: "lxc/101",
      type: "lxc",
      node: "a",
      status: "running",
      vmid: "101",
      cpu: "0.5",
      mem: "1024",
      template: 0,
      tags: "x;y",
    });
    expect(guest).toMatchObject({ kind: "lxc", vmid: 101, name: "101", running: true, cpu: 0.5, memBytes: 1024 });
    expect(guest).toMatchObject({ tags: ["x", "y"], lock: null, template: false, known: true });
  });

  test("nodes and storages know whether they can be used", () => {
    expect(resourceFromWire({ id: "node/a", type: "node", node: "a", status: "offline" })).toMatchObject({
      online: false,
    });
    const storage = { id: "storage/a/s", type: "storage", node: "a", storage: "s", status: "available" } as const;
    expect(resourceFromWire({ ...storage, content: "iso,vztmpl", shared: 1 })).toMatchObject({
      available: true,
      shared: true,
      content: ["iso", "vztmpl"],
    });
  });

  test("kinds without a view are left out", () => {
    expect(resourceFromWire({ id: "/pool/p", type: "pool" })).toBeNull();
  });
});

test("the product's version inside the compatible one", () => {
  expect(parseVersion("pve-manager/9.2.11/holdfast-0.1.0")).toEqual({ product: "0.1.0", api: "9.2.11" });
  expect(parseVersion("pve-manager/9.2.11/0123abcd")).toBeNull();
});

test("how virtual machines run: the node's verdict counts, the processor only where it rules KVM out", () => {
  const verdict = { usable: 0, reason: "too slow" };
  expect(virtualizationFromWire(verdict, { hvm: "1" })).toEqual({ mode: "emulation", reason: "too slow" });
  expect(virtualizationFromWire({ usable: 1 }, { hvm: "1" })).toEqual({ mode: "kvm", reason: "" });
  expect(virtualizationFromWire(undefined, { hvm: "" })).toEqual({ mode: "emulation", reason: "" });
  expect(virtualizationFromWire(undefined, { hvm: "1" })).toBeNull();
  expect(virtualizationFromWire(undefined, {})).toBeNull();
});
