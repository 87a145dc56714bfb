import { client } from "./client";
import { num } from "./wire";

export interface Space {
  usedBytes: number;
  totalBytes: number;
}

/** How virtual machines run here; null where the server does not say. */
export type Virtualization = "kvm" | "emulation" | null;

export interface NodeStatus {
  /** Fraction of all CPUs. */
  cpu: number;
  cpuModel: string;
  cpuCount: number;
  sockets: number;
  loadAverage: string[];
  memory: Space;
  swap: Space;
  rootFs: Space;
  uptimeS: number;
  kernel: string;
  version: string;
  bootMode: string;
  secureBoot: boolean;
  virtualization: Virtualization;
}

interface WireSpace {
  used?: number | string;
  total?: number | string;
}

function space(wire: unknown): Space {
  const { used, total } = (wire ?? {}) as WireSpace;
  return { usedBytes: num(used), totalBytes: num(total) };
}

/** `cpuinfo.hvm` is 1 where guests run on KVM, and 0, "0" or empty where they are emulated. */
export function virtualizationFromWire(cpuinfo: Record<string, unknown>): Virtualization {
  if (!("hvm" in cpuinfo)) return null;
  return num(cpuinfo["hvm"] as string | number) > 0 ? "kvm" : "emulation";
}

export async function getNodeStatus(node: string): Promise<NodeStatus> {
  const wire = await client.call("GET /nodes/{node}/status", { node });
  const kernel = wire["current-kernel"];
  const boot = wire["boot-info"] as { mode?: string; secureboot?: unknown } | undefined;
  return {
    cpu: num(wire.cpu),
    cpuModel: wire.cpuinfo.model,
    cpuCount: num(wire.cpuinfo.cpus),
    sockets: num(wire.cpuinfo.sockets),
    loadAverage: wire.loadavg.map(String),
    memory: space(wire.memory),
    swap: space(wire["swap"]),
    rootFs: space(wire.rootfs),
    uptimeS: num(wire["uptime"] as number | undefined),
    kernel: kernel ? `${kernel.sysname} ${kernel.release}` : "",
    version: wire.pveversion,
    bootMode: boot?.mode === "efi" ? "UEFI" : boot?.mode ? "BIOS" : "",
    secureBoot: num(boot?.secureboot as number | undefined) > 0,
    virtualization: virtualizationFromWire(wire.cpuinfo as Record<string, unknown>),
  };
}
