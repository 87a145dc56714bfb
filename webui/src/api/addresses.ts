/** Under which addresses a running guest is reached, as it says itself. */
import { client } from "./client";
import type { GuestRef } from "./guests";
import { Fields, rows } from "./wire";

export interface GuestCard {
  /** Its name inside of the guest. */
  name: string;
  /** With prefix lengths, without those that only the guest itself or its link can use. */
  addresses: readonly string[];
}

const isUseful = (address: string) => !/^(127\.|::1(\/|$)|fe80:)/i.test(address);

function cardFromWire(wire: Fields): GuestCard {
  const listed = rows(wire.raw("ip-addresses"))
    .filter((entry) => isUseful(entry.text("ip-address")))
    .map((entry) => {
      const prefix = entry.text("prefix");
      return entry.text("ip-address") + (prefix && `/${prefix}`);
    });
  const plain = ["inet", "inet6"].map((name) => wire.text(name)).filter((address) => address && isUseful(address));
  return { name: wire.text("name"), addresses: listed.length > 0 ? listed : plain };
}

/** Of a machine its agent tells; it fails where that does not answer. Cards without an address are left out. */
export async function getAddresses({ kind, node, vmid }: GuestRef): Promise<GuestCard[]> {
  const answer: unknown =
    kind === "qemu"
      ? new Fields(await client.call("GET /nodes/{node}/qemu/{vmid}/agent/network-get-interfaces", { node, vmid })).raw(
          "result",
        )
      : await client.call("GET /nodes/{node}/lxc/{vmid}/interfaces", { node, vmid });
  return rows(answer)
    .map(cardFromWire)
    .filter(({ addresses }) => addresses.length > 0);
}
