import { expect, test, vi } from "vitest";
import { client } from "./client";
import { getImport } from "./imports";

test("a description is read whatever is missing from it", async () => {
  const call = vi.spyOn(client, "call");
  call.mockResolvedValueOnce({
    type: "vm",
    source: "ovf",
    "create-args": { name: "old", cores: 2 },
    disks: { scsi1: { volid: "local:import/x.ova/b.vmdk", size: 20 }, scsi0: "local:import/x.ova/a.vmdk" },
    net: { net0: { model: "e1000" } },
    warnings: [{ type: "ova-needs-extracting" }],
  } as never);
  expect(await getImport("a", "local", "local:import/x.ova")).toEqual({
    options: { name: "old", cores: "2" },
    disks: [
      { slot: "scsi0", volid: "local:import/x.ova/a.vmdk", sizeBytes: 0 },
      { slot: "scsi1", volid: "local:import/x.ova/b.vmdk", sizeBytes: 20 },
    ],
    cards: [{ key: "net0", model: "e1000" }],
    warnings: ["ova-needs-extracting"],
  });
  call.mockResolvedValueOnce({ type: "vm", source: "ovf", "create-args": {} } as never);
  expect(await getImport("a", "local", "local:import/x.ovf")).toEqual({
    options: {},
    disks: [],
    cards: [],
    warnings: [],
  });
});
