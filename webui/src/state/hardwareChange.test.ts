import { describe, expect, test } from "vitest";
import { asWanted, changedCard, changeOf, freeKey, isEmpty, newCard, parseCard, withPart } from "./hardwareChange";

describe("places", () => {
  test("the first free one, pending ones are taken", () => {
    expect(freeKey({ scsi0: "a" }, [{ key: "scsi1", next: "b" }], "scsi")).toBe("scsi2");
    expect(freeKey({ ide0: "", ide1: "", ide2: "", ide3: "" }, [], "ide")).toBeNull();
  });
});

describe("changes", () => {
  test("what is as before is left out; what was emptied goes", () => {
    const change = changeOf({ cores: "2", memory: "512", tags: "a" }, { cores: "4", memory: "512", tags: "" });
    expect(change).toEqual({ set: { cores: "4" }, remove: ["tags"] });
    expect(isEmpty(change)).toBe(false);
    expect(isEmpty(changeOf({ cores: "2" }, { cores: "2" }))).toBe(true);
  });

  test("a form begins with what will be", () => {
    const pending = [
      { key: "memory", next: "4096" },
      { key: "net0", next: null },
    ];
    expect(asWanted({ memory: "2048", net0: "virtio", cores: "1" }, pending)).toEqual({ memory: "4096", cores: "1" });
  });

  test("a part of a property string", () => {
    expect(withPart("local:iso/a.iso,media=cdrom,size=4M", "size", "")).toBe("local:iso/a.iso,media=cdrom");
    expect(withPart("virtio=AA,bridge=vmbr0", "bridge", "vmbr1")).toBe("virtio=AA,bridge=vmbr1");
  });
});

describe("network cards", () => {
  test("short and long writing", () => {
    expect(parseCard("qemu", "virtio=AA:BB,bridge=vmbr0,tag=7")).toEqual({
      model: "virtio",
      mac: "AA:BB",
      bridge: "vmbr0",
      tag: "7",
    });
    expect(parseCard("qemu", "model=e1000,macaddr=AA,bridge=vmbr0").model).toBe("e1000");
    expect(parseCard("lxc", "name=eth0,hwaddr=CC,bridge=vmbr1")).toMatchObject({
      model: "",
      mac: "CC",
      bridge: "vmbr1",
    });
  });

  test("another model keeps the address and all else", () => {
    const wanted = { model: "e1000", bridge: "vmbr0", tag: "" };
    expect(changedCard("qemu", "virtio=AA:BB,bridge=vmbr0,firewall=1,tag=7", wanted)).toBe(
      "e1000=AA:BB,bridge=vmbr0,firewall=1",
    );
    expect(changedCard("lxc", "name=eth0,bridge=vmbr0,ip=dhcp", { model: "", bridge: "vmbr1", tag: "5" })).toBe(
      "name=eth0,bridge=vmbr1,ip=dhcp,tag=5",
    );
  });

  test("a new one", () => {
    const wanted = { model: "virtio", bridge: "vmbr0", tag: "" };
    expect(newCard("qemu", "net1", wanted)).toBe("virtio,bridge=vmbr0");
    expect(newCard("lxc", "net2", wanted)).toBe("name=eth2,bridge=vmbr0,ip=dhcp");
  });
});
