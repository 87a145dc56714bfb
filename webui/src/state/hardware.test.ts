import { describe, expect, test } from "vitest";
import { configSections, ownedDisks, serialPorts } from "./hardware";
import { parsePropertyString } from "./propertyString";

const config = {
  name: "web",
  digest: "abc",
  cores: "2",
  memory: "1024",
  sockets: "1",
  scsi0: "local:100/vm-100-disk-0.qcow2,iothread=1,size=8G",
  scsi10: "lvm:vm-100-disk-2,size=1G",
  scsi2: "file=lvm:vm-100-disk-1",
  ide2: "local:iso/debian.iso,media=cdrom",
  ide3: "none,media=cdrom",
  net0: "virtio=BC:24:11:00:00:00,bridge=vmbr0",
  ciuser: "ann",
  ipconfig0: "ip=dhcp",
  serial0: "socket",
  serial1: "/dev/ttyS0",
  "some-new-option": "1",
};

describe("configSections", () => {
  const sections = configSections(config);

  test("sorts options into sections, numbers in order, none lost but the hidden", () => {
    expect(sections.compute.map(({ key }) => key)).toEqual(["sockets", "cores", "memory"]);
    expect(sections.disks.map(({ key }) => key)).toEqual(["ide2", "ide3", "scsi0", "scsi2", "scsi10"]);
    expect(sections.network.map(({ key }) => key)).toEqual(["net0"]);
    expect(sections.cloudinit.map(({ key }) => key)).toEqual(["ciuser", "ipconfig0"]);
    expect(sections.devices.map(({ key }) => key)).toEqual(["serial0", "serial1"]);
    expect(sections.options.map(({ key }) => key)).toEqual(["some-new-option"]);
  });
});

describe("ownedDisks", () => {
  test("are the volumes, not the media in the drives", () => {
    expect(ownedDisks(config)).toEqual([
      { key: "scsi0", volid: "local:100/vm-100-disk-0.qcow2", size: "8G" },
      { key: "scsi2", volid: "lvm:vm-100-disk-1", size: "" },
      { key: "scsi10", volid: "lvm:vm-100-disk-2", size: "1G" },
    ]);
  });

  test("leave out a container's bind mounts", () => {
    const container = {
      rootfs: "lvm:vm-101-disk-0,size=4G",
      mp0: "/srv/data,mp=/data",
      mp1: "lvm:vm-101-disk-1,mp=/x",
    };
    expect(ownedDisks(container).map(({ key }) => key)).toEqual(["mp1", "rootfs"]);
  });
});

test("a terminal opens serial ports with a socket, of virtual machines only", () => {
  expect(serialPorts("qemu", config)).toEqual(["serial0"]);
  expect(serialPorts("lxc", config)).toEqual([]);
});

test("property strings: the part without a name is the default key's", () => {
  expect([...parsePropertyString("a:b,x=1,,y=2=3")]).toEqual([
    ["", "a:b"],
    ["x", "1"],
    ["y", "2=3"],
  ]);
});
