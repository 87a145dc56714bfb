import { describe, expect, test } from "vitest";
import type { Task, TaskState } from "../api/tasks";
import { keysTouchedBy, taskChanges } from "./taskChanges";

function task(upid: string, state: TaskState, type = "qmstart", id = "100"): Task {
  return { upid, node: "a", type, id, user: "root@pam", startS: 0, endS: null, state, status: "" };
}

describe("taskChanges", () => {
  test("the first look reports nothing", () => {
    expect(taskChanges(undefined, [task("1", "ok")])).toEqual({ started: [], finished: [] });
  });

  test("new ones have started, and those that no longer run have finished", () => {
    const before = [task("1", "running"), task("2", "ok")];
    const after = [task("3", "running"), task("4", "error"), task("1", "ok"), task("2", "ok")];
    const { started, finished } = taskChanges(before, after);
    expect(started.map(({ upid }) => upid)).toEqual(["3", "4"]);
    expect(finished.map(({ upid }) => upid)).toEqual(["4", "1"]);
  });
});

describe("keysTouchedBy", () => {
  test("a task of the cluster touches what is known of it", () => {
    expect(keysTouchedBy(task("u", "ok", "clustercreate", "lab"))).toContainEqual(["cluster"]);
  });

  test("a guest's task touches the guest", () => {
    expect(keysTouchedBy(task("u", "ok"))).toEqual([["node-tasks"], ["task", "u"], ["guest", "100"]]);
  });

  test("tasks that make or remove volumes touch storage", () => {
    expect(keysTouchedBy(task("u", "ok", "qmcreate"))).toContainEqual(["storage"]);
    expect(keysTouchedBy(task("u", "ok", "zfscreate", "tank"))).toContainEqual(["storage"]);
    expect(keysTouchedBy(task("u", "ok", "imgdel", "local"))).toEqual([["node-tasks"], ["task", "u"], ["storage"]]);
  });

  test("tasks of disks, services and packages touch the pages of their node", () => {
    const of = (type: string) => keysTouchedBy(task("u", "ok", type, "sda")).slice(2);
    expect(of("wipedisk")).toEqual([["disks"], ["storage"]]);
    expect(of("srvrestart")).toEqual([["node", "a"]]);
    expect(of("aptupdate")).toEqual([["node", "a"]]);
  });
});
