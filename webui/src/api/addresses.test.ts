import { expect, test, vi } from "vitest";
import { getAddresses } from "./addresses";
import { client } from "./client";

const guest = { node: "a", vmid: 100 };

test("a machine's agent tells; what only the guest itself can use is left out", async () => {
  vi.spyOn(client, "call").mockResolvedValueOnce({
    result: [
      { name: "lo", "ip-addresses": [{ "ip-address": "127.0.0.1", prefix: 8 }, { "ip-address": "::1" }] },
      {
        name: "ens18",
        "ip-addresses": [
          { "ip-address": "192.0.2.5", prefix: 24 },
          { "ip-address": "fe80::1", prefix: 64 },
          { "ip-address": "2001:db8::5", prefix: 64 },
        ],
      },
      { name: "ens19" },
    ],
  } as never);
  expect(await getAddresses({ ...guest, kind: "qemu" })).toEqual([
    { name: "ens18", addresses: ["192.0.2.5/24", "2001:db8::5/64"] },
  ]);
});

test("a container's are read from its cards, in either form", async () => {
  vi.spyOn(client, "call").mockResolvedValueOnce([
    { name: "lo", inet: "127.0.0.1/8", inet6: "::1/128" },
    { name: "eth0", hwaddr: "bc:24:11:00:00:01", inet: "192.0.2.6/24", inet6: "fe80::1/64" },
  ] as never);
  expect(await getAddresses({ ...guest, kind: "lxc" })).toEqual([{ name: "eth0", addresses: ["192.0.2.6/24"] }]);
});
