import { describe, expect, test } from "vitest";
import type { Storage } from "../api/storage";
import { containerParams, diskFormat, placeErrors, storagesFor, vmParams } from "./createGuest";
import { guessContent } from "./uploadKind";

const common = { node: "a", vmid: "100", cores: "2", memory: "2048", storage: "lvm", diskSize: "32", bridge: "vmbr0" };

const storage = (name: string, availableBytes: number, active = true): Storage => ({
  storage: name,
  type: "dir",
  content: ["images"],
  active,
  enabled: true,
  shared: false,
  usedBytes: 0,
  availableBytes,
  totalBytes: 0,
});

describe("vmParams", () => {
  test("a machine without a medium boots from its disk", () => {
    expect(vmParams({ ...common, name: "web" })).toEqual({
      node: "a",
      vmid: 100,
      name: "web",
      cores: 2,
      memory: "2048",
      ostype: "l26",
      scsihw: "virtio-scsi-single",
      scsi0: "lvm:32",
      boot: "order=scsi0;net0",
      net0: "virtio,bridge=vmbr0",
    });
  });

  test("a medium is a drive and stands in the boot order", () => {
    const params = vmParams({ ...common, iso: "local:iso/a.iso", start: "1", name: "" });
    expect(params).toMatchObject({ ide2: "local:iso/a.iso,media=cdrom", boot: "order=scsi0;ide2;net0", start: true });
    expect(params.name).toBeUndefined();
  });
});

test("a disk that is a file has a format that can be taken snapshots of", () => {
  const all = [
    { ...storage("files", 1), type: "dir" },
    { ...storage("pool", 1), type: "zfspool" },
  ];
  expect(["files", "pool", "gone"].map((name) => diskFormat(all, name))).toEqual(["qcow2", "", ""]);
  expect(vmParams({ ...common, format: "qcow2" }).scsi0).toBe("lvm:32,format=qcow2");
  expect(vmParams({ ...common, format: "qcow2", image: "a:b" }).scsi0).toBe("lvm:0,import-from=a:b,format=qcow2");
});

test("a disk gets the contents of an image and its size", () => {
  const params = vmParams({ ...common, image: "local:import/a.qcow2" });
  expect(params.scsi0).toBe("lvm:0,import-from=local:import/a.qcow2");
});

describe("containerParams", () => {
  const values = { ...common, template: "local:vztmpl/d.tar.zst", password: "secret", swap: "512", hostname: "ct" };

  test("is unprivileged and takes its address by DHCP", () => {
    expect(containerParams({ ...values, ipMode: "dhcp", address: "ignored" })).toMatchObject({
      unprivileged: true,
      rootfs: "lvm:32",
      ostemplate: "local:vztmpl/d.tar.zst",
      net0: "name=eth0,bridge=vmbr0,ip=dhcp",
    });
  });

  test("or a fixed one, with or without a gateway", () => {
    const fixed = { ...values, ipMode: "static", address: "192.0.2.2/24" };
    expect(containerParams(fixed).net0).toBe("name=eth0,bridge=vmbr0,ip=192.0.2.2/24");
    expect(containerParams({ ...fixed, gateway: "192.0.2.1" }).net0).toBe(
      "name=eth0,bridge=vmbr0,ip=192.0.2.2/24,gw=192.0.2.1",
    );
  });
});

test("server errors go to the fields that made the parameter, others above the form", () => {
  const errors = { scsi0: "too big", net0: "net0.ip: no address", vmid: "taken", ostype: "unknown" };
  expect(placeErrors(errors, ["vmid", "diskSize", "bridge", "address"])).toEqual({
    fields: { diskSize: "too big", address: "net0.ip: no address", vmid: "taken" },
    others: ["ostype: unknown"],
  });
  expect(placeErrors({ scsi0: "too big" }, ["scsi0"]).fields).toEqual({ scsi0: "too big" });
  expect(placeErrors({ net0: "net0.ip: no address" }, ["bridge"]).fields).toEqual({ bridge: "net0.ip: no address" });
});

test("storages for a kind of content: active ones, the roomiest first", () => {
  const all = [storage("small", 1), storage("big", 9), storage("down", 99, false)];
  expect(storagesFor(all, "images").map(({ storage: name }) => name)).toEqual(["big", "small"]);
  expect(storagesFor(all, "iso")).toEqual([]);
});

test.each([
  ["a.ISO", "iso"],
  ["debian.tar.zst", "vztmpl"],
  ["x.qcow2", "import"],
  ["readme.txt", null],
])("%s is uploaded as %s", (name, kind) => expect(guessContent(name)).toBe(kind));
