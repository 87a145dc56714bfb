import { client } from "./client";
import type { Bool } from "./schema";
import { bool, num } from "./wire";

export interface Space {
  usedBytes: number;
  totalBytes: number;
}

/** How virtual machines run here, with the reason in words where there is one. */
export interface Virtualization {
  mode: "kvm" | "emulation";
  reason: string;
}

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
  /** null where the server does not say. */
  virtualization: Virtualization | null;
}

interface WireSpace {
  used?: number | string;
  total?: number | string;
}

function space(wire: unknown): Space {
  const { used, total } = (wire ?? {}) as WireSpace;
  return { usedBytes: num(used), totalBytes: num(total) };
}

/**
 * `kvm: {usable, reason}` is the node's own verdict. Without it, a processor without virtualization (`cpuinfo.hvm`
 * empty or 0) can only emulate; one that has it may still be unable to use it, so then nothing is known.
 */
export function virtualizationFromWire(kvm: unknown, cpuinfo: Record<string, unknown>): Virtualization | null {
  if (kvm && typeof kvm === "object" && "usable" in kvm) {
    const { usable, reason } = kvm as { usable: Bool; reason?: string };
    return { mode: bool(usable) ? "kvm" : "emulation", reason: reason ?? "" };
  }
  const without = "hvm" in cpuinfo && num(cpuinfo["hvm"] as string | number) === 0;
  return without ? { mode: "emulation", reason: "" } : null;
}

/** `pve-manager/<version we are compatible with>/holdfast-<our version>` -> both; null where it is another text. */
export function parseVersion(text: string): { product: string; api: string } | null {
  const match = /^[^/]+\/([^/]+)\/holdfast-(.+)$/.exec(text);
  return match?.[1] && match[2] ? { product: match[2], api: match[1] } : null;
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
    virtualization: virtualizationFromWire(wire["kvm"], wire.cpuinfo as Record<string, unknown>),
  };
}
