import { describe, expect, test } from "vitest";
import { limits } from "../api/limits";
import type { StorageConfig } from "../api/storageConfigs";
import { newStorage, placeOf, STORAGE_TYPES, storageChange, storageFields, storageValues } from "./storageTypes";

const config = (type: string, options: Record<string, string>, rest: Partial<StorageConfig> = {}): StorageConfig => ({
  storage: "s",
  type,
  content: ["images"],
  nodes: [],
  enabled: true,
  digest: "d",
  ...rest,
  options,
});

test("the server knows every type", () => {
  const served = limits["POST /storage"]?.["type"]?.enum ?? [];
  expect(Object.keys(STORAGE_TYPES).filter((type) => !served.includes(type))).toEqual([]);
});

describe("a new storage", () => {
  test("is for what such storages are usually for", () => {
    const values = { ...storageValues("lvmthin", null), vgname: " vg0 ", thinpool: "data" };
    expect(newStorage("lvmthin", values)).toEqual({ vgname: "vg0", thinpool: "data", content: "images,rootdir" });
  });

  test("names the nodes that have it, and says when it holds nothing", () => {
    const values = { path: "/srv", shared: "1", nodes: "a, b;c" };
    expect(newStorage("dir", values)).toEqual({ path: "/srv", shared: "1", nodes: "a,b,c", content: "none" });
  });
});

describe("a change", () => {
  const nfs = config("nfs", { server: "nas", export: "/x", options: "vers=4.2", "prune-backups": "keep-last=3" });

  test("sends what is other than before, and drops what was emptied", () => {
    const values = { ...storageValues("nfs", nfs), options: "", "content.nfs.iso": "1" };
    expect(storageChange(nfs, values)).toEqual({ set: { content: "images,iso" }, remove: ["options"] });
    expect(storageChange(nfs, storageValues("nfs", nfs))).toEqual({ set: {}, remove: [] });
  });

  test("cannot be of what it was made from", () => {
    expect(storageFields("nfs", true).map(({ name }) => name)).not.toContain("server");
    expect(storageFields("nfs", false).map(({ name }) => name)).toContain("server");
  });

  test("of a flag and of nodes", () => {
    const dir = config("dir", { path: "/srv", shared: "1" }, { nodes: ["a"] });
    const values = { ...storageValues("dir", dir), shared: "", nodes: "a,b" };
    expect(storageChange(dir, values)).toEqual({ set: { nodes: "a,b" }, remove: ["shared"] });
  });
});

test.each([
  ["nfs", { server: "nas", export: "/srv/x" }, "nas:/srv/x"],
  ["lvmthin", { vgname: "vg0", thinpool: "data" }, "vg0/data"],
  ["dir", { path: "/srv" }, "/srv"],
  ["cifs", { server: "nas", share: "x", path: "/mnt/pve/s" }, "nas:x"],
  ["unheard-of", {}, ""],
])("%s is at %o: %s", (type, options, place) => expect(placeOf(config(type, options))).toBe(place));
