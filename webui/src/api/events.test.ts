import { describe, expect, test } from "vitest";
import { eventFromWire } from "./events";
import { Fields } from "./wire";

const UPID = "UPID:a:00000001:00000001:6B002DF2:qmstart:100:root@pam:";

describe("eventFromWire", () => {
  test("tasks begin and end", () => {
    const running = eventFromWire("task", new Fields({ upid: UPID, status: "running" }));
    expect(running).toMatchObject({ kind: "task", task: { upid: UPID, node: "a", state: "running", endS: null } });
    const ended = eventFromWire("task", new Fields({ upid: UPID, status: "no such disk", endtime: 7 }));
    expect(ended).toMatchObject({ task: { state: "error", status: "no such disk", endS: 7 } });
  });

  test("guests start, stop, change and go", () => {
    const told = (more: object) => eventFromWire("guest", new Fields({ vmid: 100, node: "a", ...more }));
    const guest = { kind: "guest", vmid: 100, node: "a" };
    expect(told({ change: "status", status: "running" })).toEqual({ ...guest, change: "status", running: true });
    expect(told({ change: "status", status: "stopped" })).toEqual({ ...guest, change: "status", running: false });
    expect(told({ change: "config", type: "qemu" })).toEqual({ ...guest, change: "config" });
    expect(told({ change: "removed", type: "lxc" })).toEqual({ ...guest, change: "removed" });
  });

  test("nodes are lost and come back; of changed options the file tells the node", () => {
    const told = (data: object) => eventFromWire("node", new Fields(data));
    expect(told({ node: "b", change: "status", status: "offline" })).toMatchObject({ node: "b", online: false });
    expect(told({ file: "nodes/b/config", change: "config" })).toEqual({ kind: "node", node: "b", change: "config" });
    expect(told({ change: "config" })).toBeNull();
  });

  test("of files only the area is told", () => {
    expect(eventFromWire("storage", new Fields({ file: "storage.cfg" }))).toEqual({ kind: "storage" });
  });
});
