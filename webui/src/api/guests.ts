/** Virtual machines and containers: the same verbs on two branches of the API. */
import { client, type Params } from "./client";
import type { GuestKind } from "./cluster";
import { num } from "./wire";

/** What identifies a guest in a call. */
export interface GuestRef {
  kind: GuestKind;
  vmid: number;
  node: string;
}

export interface GuestStatus {
  running: boolean;
  /** The engine's own word, e.g. `paused`; the same as the state for containers. */
  detail: string;
  cpu: number;
  cpus: number;
  memBytes: number;
  maxMemBytes: number;
  diskBytes: number;
  maxDiskBytes: number;
  netInBytes: number;
  netOutBytes: number;
  diskReadBytes: number;
  diskWriteBytes: number;
  uptimeS: number;
  lock: string | null;
}

/** Every value as text, by option name. */
export type GuestConfig = Readonly<Record<string, string>>;

const path = ({ node, vmid }: GuestRef) => ({ node, vmid });

export async function getGuestStatus(guest: GuestRef): Promise<GuestStatus> {
  const wire = await client.call(`GET /nodes/{node}/${guest.kind}/{vmid}/status/current`, path(guest));
  return {
    running: wire.status === "running",
    detail: "qmpstatus" in wire && wire.qmpstatus ? wire.qmpstatus : wire.status,
    cpu: num(wire.cpu),
    cpus: num(wire.cpus),
    memBytes: num(wire.mem),
    maxMemBytes: num(wire.maxmem),
    diskBytes: num((wire as { disk?: number }).disk),
    maxDiskBytes: num(wire.maxdisk),
    netInBytes: num(wire.netin),
    netOutBytes: num(wire.netout),
    diskReadBytes: num(wire.diskread),
    diskWriteBytes: num(wire.diskwrite),
    uptimeS: num(wire.uptime),
    lock: wire.lock ?? null,
  };
}

export async function getGuestConfig(guest: GuestRef): Promise<GuestConfig> {
  const wire = await client.call(`GET /nodes/{node}/${guest.kind}/{vmid}/config`, path(guest));
  return Object.fromEntries(
    Object.entries(wire)
      .filter(([, value]) => typeof value !== "object")
      .map(([key, value]) => [key, String(value)]),
  );
}

/** Each of these returns the id of the task that does the work. */

export function startGuest(guest: GuestRef): Promise<string> {
  return client.call(`POST /nodes/{node}/${guest.kind}/{vmid}/status/start`, path(guest));
}

export function shutdownGuest(guest: GuestRef): Promise<string> {
  return client.call(`POST /nodes/{node}/${guest.kind}/{vmid}/status/shutdown`, path(guest));
}

export function stopGuest(guest: GuestRef): Promise<string> {
  return client.call(`POST /nodes/{node}/${guest.kind}/{vmid}/status/stop`, path(guest));
}

export function deleteGuest(guest: GuestRef): Promise<string> {
  return client.call(`DELETE /nodes/{node}/${guest.kind}/{vmid}`, { ...path(guest), purge: true });
}

export type VmParams = Params<"POST /nodes/{node}/qemu">;
export type ContainerParams = Params<"POST /nodes/{node}/lxc">;

export function createVm(params: VmParams): Promise<string> {
  return client.call("POST /nodes/{node}/qemu", params);
}

export function createContainer(params: ContainerParams): Promise<string> {
  return client.call("POST /nodes/{node}/lxc", params);
}
