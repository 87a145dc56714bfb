import { describe, expect, test } from "vitest";
import type { Task } from "../api/tasks";
import { guest, node } from "./fixtures";
import { changesLists, keysTouchedByEvent, withState, withTask } from "./liveEvents";

const task = (upid: string, state: Task["state"]): Task => ({
  upid,
  node: "a",
  type: "qmstart",
  id: "100",
  user: "root@pam",
  startS: 0,
  endS: null,
  state,
  status: "",
});

test("a task takes the place of what was known of it; a new one comes first", () => {
  const before = [task("2", "running"), task("1", "ok")];
  expect(withTask(before, task("2", "ok")).map(({ upid, state }) => upid + state)).toEqual(["2ok", "1ok"]);
  expect(withTask(before, task("3", "running")).map(({ upid }) => upid)).toEqual(["3", "2", "1"]);
});

describe("states", () => {
  const resources = [node("a"), node("b"), guest(100), guest(101, { node: "b", running: true, status: "running" })];

  test("of a guest", () => {
    const after = withState(resources, { kind: "guest", vmid: 100, node: "a", change: "status", running: true });
    expect(after[2]).toMatchObject({ running: true, status: "running" });
    expect(after[3]).toBe(resources[3]);
  });

  test("of a guest that is elsewhere by now, or is so already: nothing", () => {
    const told = { kind: "guest", vmid: 101, change: "status" } as const;
    expect(withState(resources, { ...told, node: "a", running: false })).toBe(resources);
    expect(withState(resources, { ...told, node: "b", running: true })).toBe(resources);
  });

  test("of a node", () => {
    const told = { kind: "node", node: "b", change: "status", online: false } as const;
    const after = withState(resources, told);
    expect(after[1]).toMatchObject({ online: false, status: "offline" });
    expect(withState(after, told)).toBe(after);
  });

  test("other events tell none", () => {
    expect(withState(resources, { kind: "storage" })).toBe(resources);
  });
});

test("what becomes stale", () => {
  const stale = (event: Parameters<typeof keysTouchedByEvent>[0]) => [keysTouchedByEvent(event), changesLists(event)];
  expect(stale({ kind: "guest", vmid: 100, node: "a", change: "config" })).toEqual([[["guest", "100"]], true]);
  expect(stale({ kind: "node", node: "a", change: "config" })).toEqual([[["node", "a"]], true]);
  expect(stale({ kind: "storage" })).toEqual([[["storage"]], true]);
  expect(stale({ kind: "access" })).toEqual([[["people"], ["pools"]], false]);
  expect(stale({ kind: "cluster" })).toEqual([[["options"]], true]);
  expect(stale({ kind: "task", task: task("1", "ok") })).toEqual([[], false]);
});
