import { describe, expect, test } from "vitest";
import { guest, node, storage } from "./fixtures";
import { findGuest, guestMatches, sortGuests } from "./resources";
import { buildTree, type Grouping, shownItems } from "./tree";

const resources = [
  storage("z"),
  guest(101),
  node("b"),
  storage("local"),
  guest(100, { kind: "lxc" }),
  node("a"),
  guest(200, { node: "b" }),
  guest(300, { node: "gone" }),
];

describe("tree", () => {
  const tree = buildTree(resources);

  test("nodes by name, guests by id before storages by name", () => {
    expect(tree.map(({ id }) => id)).toEqual(["node/a", "node/b"]);
    expect(tree[0]?.children.map(({ id }) => id)).toEqual(["lxc/100", "qemu/101", "storage/a/local", "storage/a/z"]);
    expect(tree[1]?.children.map(({ id }) => id)).toEqual(["qemu/200"]);
  });

  const groups = (by: Grouping, all = resources) =>
    buildTree(all, by).map(({ group, children }) => [group, children.map(({ resource }) => resource?.id)]);

  test("by kind, in the order of the other tree", () => {
    expect(groups("kind")).toEqual([
      ["node", ["node/a", "node/b"]],
      ["qemu", ["qemu/101", "qemu/200", "qemu/300"]],
      ["lxc", ["lxc/100"]],
      ["storage", ["storage/a/local", "storage/a/z"]],
    ]);
    expect(groups("kind", [])).toEqual([]);
  });

  test("by pool and by tag, those that have none last; a guest stands below each of its tags", () => {
    const all = [
      guest(1, { pool: "shop", tags: ["web", "prod"] }),
      guest(2),
      guest(3, { pool: "office", tags: ["prod"] }),
    ];
    expect(groups("pool", all)).toEqual([
      ["office", ["qemu/3"]],
      ["shop", ["qemu/1"]],
      ["", ["qemu/2"]],
    ]);
    expect(groups("tag", all)).toEqual([
      ["prod", ["qemu/1", "qemu/3"]],
      ["web", ["qemu/1"]],
      ["", ["qemu/2"]],
    ]);
    const ids = shownItems(buildTree(all, "tag"), "all", new Set()).map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("as it is drawn, with what is closed", () => {
    const shown = (closed: string[]) =>
      shownItems(tree, "all", new Set(closed)).map(
        ({ id, level, position, siblings, isOpen }) => `${level} ${id} ${position}/${siblings} ${isOpen}`,
      );
    expect(shown(["node/a"])).toEqual([
      "1 all 1/1 true",
      "2 node/a 1/2 false",
      "2 node/b 2/2 true",
      "3 qemu/200 1/1 null",
    ]);
    expect(shown(["all"])).toEqual(["1 all 1/1 false"]);
    expect(shownItems([], "all", new Set())).toMatchObject([{ id: "all", isOpen: null }]);
  });
});

describe("guests", () => {
  test("are found by id", () => {
    expect(findGuest(resources, 100)?.id).toBe("lxc/100");
    expect(findGuest(resources, 999)).toBeUndefined();
  });

  test("match when every word occurs in name, id, node or tags", () => {
    const web = guest(100, { name: "Web-1", tags: ["prod"] });
    expect(["", "web", "100 prod", "PROD we"].map((text) => guestMatches(web, text))).toEqual([true, true, true, true]);
    expect(guestMatches(web, "web test")).toBe(false);
  });

  test("sort by number or by word, equal ones by id", () => {
    const list = [guest(102, { cpu: 0.5 }), guest(101, { cpu: 0.5, name: "zoo" }), guest(100, { cpu: 0.9 })];
    const ids = (column: "cpu" | "name", descending: boolean) =>
      sortGuests(list, column, descending).map(({ vmid }) => vmid);
    expect(ids("cpu", false)).toEqual([101, 102, 100]);
    expect(ids("cpu", true)).toEqual([100, 101, 102]);
    expect(ids("name", false)).toEqual([100, 102, 101]);
  });
});
