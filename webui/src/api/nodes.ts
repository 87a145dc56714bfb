import { client } from "./client";
import { Fields } from "./wire";

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

function space(wire: Fields): Space {
  return { usedBytes: wire.num("used"), totalBytes: wire.num("total") };
}

/**
 * `kvm: {usable, reason}` is the node's own verdict. Without it, a processor without virtualization (`cpuinfo.hvm`
 * empty or 0) can only emulate; one that has it may still be unable to use it, so then nothing is known.
 */
export function virtualizationFromWire(wire: Fields): Virtualization | null {
  const [kvm, cpu] = [wire.sub("kvm"), wire.sub("cpuinfo")];
  if (kvm.has("usable")) return { mode: kvm.bool("usable") ? "kvm" : "emulation", reason: kvm.text("reason") };
  return cpu.has("hvm") && !cpu.bool("hvm") ? { mode: "emulation", reason: "" } : null;
}

/** `pve-manager/<version we are compatible with>/holdfast-<our version>` -> both; null where it is another text. */
export function parseVersion(text: string): { product: string; api: string } | null {
  const match = /^[^/]+\/([^/]+)\/holdfast-(.+)$/.exec(text);
  return match?.[1] && match[2] ? { product: match[2], api: match[1] } : null;
}

export async function getNodeStatus(node: string): Promise<NodeStatus> {
  const wire = new Fields(await client.call("GET /nodes/{node}/status", { node }));
  const [cpu, kernel, boot] = [wire.sub("cpuinfo"), wire.sub("current-kernel"), wire.sub("boot-info")];
  return {
    cpu: wire.num("cpu"),
    cpuModel: cpu.text("model"),
    cpuCount: cpu.num("cpus"),
    sockets: cpu.num("sockets"),
    loadAverage: wire.list("loadavg"),
    memory: space(wire.sub("memory")),
    swap: space(wire.sub("swap")),
    rootFs: space(wire.sub("rootfs")),
    uptimeS: wire.num("uptime"),
    kernel: [kernel.text("sysname"), kernel.text("release")].join(" ").trim(),
    version: wire.text("pveversion"),
    bootMode: boot.text("mode") === "efi" ? "UEFI" : boot.has("mode") ? "BIOS" : "",
    secureBoot: boot.bool("secureboot"),
    virtualization: virtualizationFromWire(wire),
  };
}
