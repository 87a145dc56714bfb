import { client } from "./client";
import type { GuestRef } from "./guests";
import { Fields } from "./wire";

/** Where a console listens, for ten seconds and one connection. */
export interface ConsoleTarget {
  /** Path and query of the websocket on this server. */
  path: string;
  user: string;
  ticket: string;
  password: string;
}

/** `place`: the path of what the console is of. */
function target(place: string, answer: unknown): ConsoleTarget {
  const proxy = new Fields(answer);
  const ticket = proxy.text("ticket");
  const query = new URLSearchParams({ port: proxy.text("port"), vncticket: ticket });
  return {
    path: `/api2/json${place}/vncwebsocket?${query}`,
    user: proxy.text("user"),
    ticket,
    // Where no password is given, the ticket begins with it (VNC uses the first eight characters).
    password: proxy.text("password") || ticket,
  };
}

const nodePlace = (node: string) => `/nodes/${encodeURIComponent(node)}`;
const guestPlace = ({ kind, node, vmid }: GuestRef) => `${nodePlace(node)}/${kind}/${vmid}`;

/** A virtual machine's screen. */
export async function openVnc(guest: GuestRef): Promise<ConsoleTarget> {
  const { node, vmid } = guest;
  const answer = await client.call("POST /nodes/{node}/qemu/{vmid}/vncproxy", { node, vmid, websocket: true });
  return target(guestPlace(guest), answer);
}

/** A container's terminal, or a virtual machine's serial port. */
export async function openTerminal(guest: GuestRef): Promise<ConsoleTarget> {
  const { node, vmid } = guest;
  const answer = await client.call(`POST /nodes/{node}/${guest.kind}/{vmid}/termproxy`, { node, vmid });
  return target(guestPlace(guest), answer);
}

/** A shell of the node itself. */
export async function openShell(node: string): Promise<ConsoleTarget> {
  return target(nodePlace(node), await client.call("POST /nodes/{node}/termproxy", { node }));
}
