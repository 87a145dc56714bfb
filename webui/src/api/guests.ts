/** Virtual machines and containers: the same verbs on two branches of the API. */
import { client, type Params } from "./client";
import type { GuestKind } from "./cluster";
import { Fields } from "./wire";

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
  const answer = await client.call(`GET /nodes/{node}/${guest.kind}/{vmid}/status/current`, path(guest));
  const wire = new Fields(answer);
  return {
    running: wire.text("status") === "running",
    detail: wire.text("qmpstatus") || wire.text("status"),
    cpu: wire.num("cpu"),
    cpus: wire.num("cpus"),
    memBytes: wire.num("mem"),
    maxMemBytes: wire.num("maxmem"),
    diskBytes: wire.num("disk"),
    maxDiskBytes: wire.num("maxdisk"),
    netInBytes: wire.num("netin"),
    netOutBytes: wire.num("netout"),
    diskReadBytes: wire.num("diskread"),
    diskWriteBytes: wire.num("diskwrite"),
    uptimeS: wire.num("uptime"),
    lock: wire.textOrNull("lock"),
  };
}

export async function getGuestConfig(guest: GuestRef): Promise<GuestConfig> {
  const wire = new Fields(await client.call(`GET /nodes/{node}/${guest.kind}/{vmid}/config`, path(guest)));
  return Object.fromEntries(
    wire
      .entries()
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

/** Shuts it down and starts it anew. */
export function rebootGuest(guest: GuestRef): Promise<string> {
  return client.call(`POST /nodes/{node}/${guest.kind}/{vmid}/status/reboot`, path(guest));
}

/** As its reset button; machines alone have one. */
export function resetVm(guest: GuestRef): Promise<string> {
  return client.call("POST /nodes/{node}/qemu/{vmid}/status/reset", path(guest));
}

/** Holds it still, or saves its memory to disk and ends it. */
export function suspendVm(guest: GuestRef, toDisk: boolean): Promise<string> {
  const params = { ...path(guest), ...(toDisk && { todisk: true }) };
  return client.call("POST /nodes/{node}/qemu/{vmid}/status/suspend", params);
}

export function resumeVm(guest: GuestRef): Promise<string> {
  return client.call("POST /nodes/{node}/qemu/{vmid}/status/resume", path(guest));
}

/** There is no way back. Of containers it is done at once: null. */
export async function makeTemplate(guest: GuestRef): Promise<string | null> {
  if (guest.kind === "qemu") return client.call("POST /nodes/{node}/qemu/{vmid}/template", path(guest));
  await client.call("POST /nodes/{node}/lxc/{vmid}/template", path(guest));
  return null;
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
