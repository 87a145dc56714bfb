import { afterEach, describe, expect, test, vi } from "vitest";
import { client } from "./client";
import { getPools } from "./disks";
import { getJournal, interfaceFromWire } from "./system";
import { Fields } from "./wire";

afterEach(() => vi.restoreAllMocks());

test("an interface with what it stands on", () => {
  const wire = { iface: "vmbr0", type: "bridge", active: 1, cidr: "192.0.2.1/24", cidr6: "2001:db8::1/64" };
  expect(interfaceFromWire(new Fields({ ...wire, bridge_ports: "eno1 eno2", comments: "x\n" }))).toEqual({
    name: "vmbr0",
    type: "bridge",
    active: true,
    autostart: false,
    addresses: ["192.0.2.1/24", "2001:db8::1/64"],
    gateways: [],
    parts: ["eno1", "eno2"],
    comment: "x",
  });
});

describe("the journal", () => {
  const all = { unit: "", priority: "" };
  const answer = (lines: string[]) => vi.spyOn(client, "call").mockResolvedValue(lines as never);

  test("begins with the newest entries; cursors are not lines", async () => {
    const call = answer(["s=1", "one", "two", "s=2"]);
    expect(await getJournal("a", all, { last: 500 })).toEqual({ lines: ["one", "two"], cursor: "s=2" });
    expect(call.mock.calls[0]?.[1]).toEqual({ node: "a", lastentries: 500 });
  });

  test("goes on after a cursor, and stays there while nothing comes", async () => {
    const call = answer(["s=2", "s=2"]);
    const query = { unit: "ssh.service", priority: "0..3" };
    expect(await getJournal("a", query, { after: "s=2" })).toEqual({ lines: [], cursor: "s=2" });
    expect(call.mock.calls[0]?.[1]).toEqual({ node: "a", startcursor: "s=2", ...query });
    answer([]);
    expect(await getJournal("a", all, { last: 500 })).toEqual({ lines: [], cursor: "" });
  });
});

test("what disks were made into, of all four kinds", async () => {
  const answers: Record<string, unknown> = {
    directory: [{ path: "/mnt/pve/archive", device: "/dev/sdb1" }],
    lvm: { leaf: 0, children: [{ name: "vg", size: 100, free: 40, children: [{ name: "/dev/sda2" }] }] },
    lvmthin: [{ vg: "vg", lv: "data", lv_size: 50, used: 5 }],
    zfs: [
      { name: "tank", size: 9, alloc: 3, health: "DEGRADED" },
      { name: "dead", health: "UNAVAIL" },
    ],
  };
  vi.spyOn(client, "call").mockImplementation((key) => Promise.resolve(answers[key.split("/").at(-1) ?? ""] as never));
  const none = { group: null, sizeBytes: null, usedBytes: null, devices: [], health: "" };
  expect(await getPools("a")).toEqual([
    { ...none, kind: "directory", name: "archive", devices: ["/dev/sdb1"] },
    { ...none, kind: "lvm", name: "vg", sizeBytes: 100, usedBytes: 60, devices: ["/dev/sda2"] },
    { ...none, kind: "lvmthin", name: "data", group: "vg", sizeBytes: 50, usedBytes: 5 },
    { ...none, kind: "zfs", name: "tank", sizeBytes: 9, usedBytes: 3, health: "DEGRADED" },
    { ...none, kind: "zfs", name: "dead", health: "UNAVAIL" },
  ]);
});
