import { describe, expect, test } from "vitest";
import { resourceFromWire } from "./cluster";
import { parseVersion, virtualizationFromWire } from "./nodes";
import { Fields, list } from "./wire";

describe("wire values", () => {
  const wire = new Fields({ a: "12", b: 1.5, c: "x", d: "", e: null, f: "1", g: true, h: ["p", 2], i: { j: 0 } });

  test("numbers arrive as numbers, text or not at all", () => {
    expect(["a", "b", "c", "none"].map(wire.num)).toEqual([12, 1.5, 0, 0]);
    expect(["a", "d", "e", "none"].map(wire.numOrNull)).toEqual([12, null, null, null]);
  });

  test("booleans, lists and objects", () => {
    expect(["f", "g", "a", "d", "none"].map(wire.bool)).toEqual([true, true, false, false, false]);
    expect([list("a;b, c"), wire.list("h"), wire.list("none")]).toEqual([["a", "b", "c"], ["p", "2"], []]);
    expect([wire.sub("i").numOrNull("j"), wire.sub("a").has("j"), wire.has("e")]).toEqual([0, false, false]);
  });

  test("text of another kind is none", () => {
    expect([wire.text("i"), wire.text("b"), wire.textOrNull("d")]).toEqual(["", "1.5", null]);
  });
});

const resource = (wire: object) => resourceFromWire(new Fields(wire));

describe("resources", () => {
  test("a guest: values are converted, a missing name is the id", () => {
    const guest = resource({
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
    expect(resource({ id: "node/a", type: "node", node: "a", status: "offline" })).toMatchObject({
      online: false,
    });
    const storage = { id: "storage/a/s", type: "storage", node: "a", storage: "s", status: "available" };
    expect(resource({ ...storage, content: "iso,vztmpl", shared: 1 })).toMatchObject({
      available: true,
      shared: true,
      content: ["iso", "vztmpl"],
    });
  });

  test("kinds without a view are left out", () => {
    expect(resource({ id: "/pool/p", type: "pool" })).toBeNull();
  });
});

test("the product's version inside the compatible one", () => {
  expect(parseVersion("pve-manager/9.2.11/holdfast-0.1.0")).toEqual({ product: "0.1.0", api: "9.2.11" });
  expect(parseVersion("pve-manager/9.2.11/0123abcd")).toBeNull();
});

test("how virtual machines run: the node's verdict counts, the processor only where it rules KVM out", () => {
  const found = (wire: object) => virtualizationFromWire(new Fields(wire));
  const verdict = { usable: 0, reason: "too slow" };
  expect(found({ kvm: verdict, cpuinfo: { hvm: "1" } })).toEqual({ mode: "emulation", reason: "too slow" });
  expect(found({ kvm: { usable: 1 } })).toEqual({ mode: "kvm", reason: "" });
  expect(found({ cpuinfo: { hvm: "" } })).toEqual({ mode: "emulation", reason: "" });
  expect(found({ cpuinfo: { hvm: "1" } })).toBeNull();
  expect(found({})).toBeNull();
});
