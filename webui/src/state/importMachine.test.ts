import { describe, expect, test } from "vitest";
import type { ImportMachine } from "../api/imports";
import type { Volume } from "../api/storage";
import { controllerFor, fileOf, importParams, isImage, isImportable, machineOfImage, modelsFor } from "./importMachine";

const volume = (format: string, content = "import"): Volume => ({
  volid: `local:${content}/x.${format}`,
  content,
  format,
  sizeBytes: 1,
  createdS: null,
  vmid: null,
});

const MACHINE: ImportMachine = {
  options: { name: "old", cores: "4", memory: "8192", ostype: "win10", boot: "order=scsi0;scsi1" },
  disks: [
    { slot: "scsi0", volid: "local:import/x.ova/a.vmdk", sizeBytes: 10 },
    { slot: "scsi1", volid: "local:import/x.ova/b.vmdk", sizeBytes: 20 },
  ],
  cards: [
    { key: "net0", model: "e1000" },
    { key: "net1", model: "vmxnet3" },
  ],
  warnings: [],
};

const VALUES = {
  vmid: "120",
  name: "new",
  cores: "2",
  memory: "4096",
  ostype: "win10",
  scsihw: "lsi",
  scsi0: "lvm",
  scsi1: "",
  net0: "vmbr0",
  "model.net0": "virtio",
  net1: "",
  "model.net1": "vmxnet3",
};

describe("importParams", () => {
  test("disks are copied to their storages, what is left out is no part of the machine", () => {
    expect(importParams("a", MACHINE, VALUES)).toEqual({
      node: "a",
      vmid: 120,
      name: "new",
      cores: 2,
      memory: "4096",
      ostype: "win10",
      scsihw: "lsi",
      boot: "order=scsi0",
      scsi0: "lvm:0,import-from=local:import/x.ova/a.vmdk",
      net0: "virtio,bridge=vmbr0",
      start: undefined,
    });
  });

  test("without disks nothing is said of them; options that no field shows stay", () => {
    const machine = { ...MACHINE, options: { ...MACHINE.options, bios: "ovmf" } };
    const params = importParams("a", machine, { ...VALUES, scsi0: "", start: "1" });
    expect(params).toMatchObject({ bios: "ovmf", start: true });
    expect([params.boot, params.scsihw]).toEqual([undefined, undefined]);
  });

  test("an image becomes the disk of a new machine", () => {
    const image = volume("qcow2");
    const params = importParams("a", machineOfImage(image), { ...VALUES, "model.net0": "virtio" });
    expect(params.scsi0).toBe("lvm:0,import-from=local:import/x.qcow2");
    expect(params.boot).toBe("order=scsi0");
  });
});

test("machines are made from descriptions and images, disks from images alone", () => {
  const formats = ["ova", "ovf", "qcow2", "raw", "vmdk"];
  expect(formats.filter((format) => isImportable(volume(format)))).toEqual(formats);
  expect(formats.filter((format) => isImage(volume(format)))).toEqual(["qcow2", "raw", "vmdk"]);
  expect(isImportable(volume("raw", "images"))).toBe(false);
});

test("a model that the page does not know can be kept", () => {
  expect(modelsFor("pcnet")[0]).toBe("pcnet");
  expect(modelsFor("e1000")).toEqual(modelsFor("virtio"));
});

test("the controller is one that the system has a driver for", () => {
  expect([controllerFor("l26"), controllerFor("win10")]).toEqual(["virtio-scsi-single", "lsi"]);
});

test("a disk is shown by the name of its file", () => {
  expect(fileOf({ slot: "scsi0", volid: "local:import/x.ova/a.vmdk", sizeBytes: 1 })).toBe("a.vmdk");
});
