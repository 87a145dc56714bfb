import { describe, expect, test } from "vitest";
import { diskFromWire } from "../api/disks";
import type { Storage } from "../api/storage";
import { interfaceFromWire } from "../api/system";
import { Fields } from "../api/wire";
import { bridgesOf, storageStep } from "./welcome";

const storage = (name: string, content: string[], active = true): Storage => ({
  storage: name,
  type: "dir",
  content,
  active,
  enabled: true,
  shared: false,
  usedBytes: 0,
  availableBytes: 0,
  totalBytes: 0,
});
const disk = (devpath: string, used = "") => diskFromWire(new Fields({ devpath, used }));
const bridge = (iface: string, more: object = {}) =>
  interfaceFromWire(new Fields({ iface, type: "bridge", active: 1, ...more }));

describe("storage", () => {
  test("unused disks are counted; an image goes to the first storage that takes one", () => {
    const storages = [storage("lvm", ["images"]), storage("local", ["iso", "vztmpl"])];
    expect(storageStep(storages, [disk("/dev/sda", "LVM"), disk("/dev/sdb"), disk("/dev/sdc")])).toEqual({
      unused: 2,
      upload: "local",
    });
  });

  test("a storage that is away takes nothing", () => {
    expect(storageStep([storage("local", ["iso"], false), storage("t", ["vztmpl"])], [])).toEqual({
      unused: 0,
      upload: "t",
    });
    expect(storageStep([], []).upload).toBeNull();
  });
});

test("bridges that are up, those with ports first", () => {
  const all = [
    bridge("vmbr0"),
    bridge("vmbr2", { active: 0, bridge_ports: "eno2" }),
    bridge("vmbr1", { bridge_ports: "eno1" }),
    bridge("ovs0", { type: "OVSBridge", ovs_ports: "eno3" }),
    bridge("eno1", { type: "eth" }),
  ];
  expect(bridgesOf(all).map(({ name }) => name)).toEqual(["ovs0", "vmbr1", "vmbr0"]);
});
