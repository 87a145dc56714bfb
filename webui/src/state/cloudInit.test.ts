import { describe, expect, test } from "vitest";
import { cardNumbers, cloudInitChange, cloudInitValues, hasCloudInitDrive, shownOption } from "./cloudInit";

const KEYS = "ssh-ed25519 AAAA+b/c= ann@home\nssh-rsa BBBB ben";
const config = {
  ide2: "local-lvm:vm-100-cloudinit,media=cdrom,size=4M",
  net0: "virtio,bridge=vmbr0",
  net10: "virtio,bridge=vmbr1",
  ciuser: "ann",
  cipassword: "**********",
  sshkeys: encodeURIComponent(KEYS),
  ipconfig0: "ip=192.0.2.5/24,gw=192.0.2.1,ip6=auto",
};

test.each([
  [config, true],
  [{ scsi1: "local:cloudinit,media=cdrom" }, true],
  [{ sata0: "local:100/vm-100-cloudinit.qcow2,media=cdrom" }, true],
  [{ ide2: "local:iso/cloudinit.iso,media=cdrom" }, false],
  [{ description: "local:cloudinit" }, false],
])("%o has a drive: %s", (options, expected) => expect(hasCloudInitDrive(options)).toBe(expected));

test("cards by number", () => expect(cardNumbers(config)).toEqual([0, 10]));

test("keys are read as they were typed, whatever stands there", () => {
  expect(shownOption("sshkeys", config.sshkeys)).toBe(KEYS);
  expect(shownOption("sshkeys", "100%")).toBe("100%");
  expect(shownOption("ciuser", "a%20b")).toBe("a%20b");
});

describe("the form", () => {
  const values = cloudInitValues(config);

  test("shows what is set, but no password", () => {
    expect(values).toEqual({
      ciuser: "ann",
      cipassword: "",
      sshkeys: KEYS,
      ciupgrade: "1",
      nameserver: "",
      searchdomain: "",
      "address.0": "192.0.2.5/24",
      "gateway.0": "192.0.2.1",
      "address.10": "",
      "gateway.10": "",
    });
  });

  test("unchanged sends nothing", () => {
    expect(cloudInitChange(config, values)).toEqual({ set: {}, remove: [] });
  });

  test("sends keys encoded, keeps the parts of addresses that it does not show", () => {
    const change = cloudInitChange(config, {
      ...values,
      cipassword: " s3cret ",
      sshkeys: "ssh-rsa A+B\n",
      "address.0": "dhcp",
      "gateway.0": "",
      "address.10": "dhcp",
    });
    expect(change).toEqual({
      set: { cipassword: " s3cret ", sshkeys: "ssh-rsa%20A%2BB", ipconfig0: "ip=dhcp,ip6=auto", ipconfig10: "ip=dhcp" },
      remove: [],
    });
  });

  test("drops what was emptied", () => {
    const emptied = { ...values, ciuser: " ", sshkeys: "", ciupgrade: "" };
    expect(cloudInitChange(config, emptied)).toEqual({ set: { ciupgrade: "0" }, remove: ["sshkeys", "ciuser"] });
  });
});
