/** What can be done with a guest beyond starting and stopping it, in its present state. Pure. */
import type { GuestResource } from "../api/cluster";
import type { GuestConfig } from "../api/guests";
import { parsePropertyString } from "./propertyString";

export type GuestAction = "reboot" | "reset" | "pause" | "resume" | "hibernate" | "template";

/** Those that lose something, or cannot be taken back. */
export const DANGEROUS: ReadonlySet<GuestAction> = new Set(["reset", "template"]);

/** `detail`: the engine's word for the state, where it is known. */
export function possibleActions(
  { kind, running, template }: Pick<GuestResource, "kind" | "running" | "template">,
  detail: string | undefined,
): GuestAction[] {
  if (!running) return template ? [] : ["template"];
  if (kind === "lxc") return ["reboot"];
  return detail === "paused" ? ["resume", "reset"] : ["reboot", "reset", "pause", "hibernate"];
}

/** Whether the machine is set up to talk to an agent inside of it. */
export function hasAgent(config: GuestConfig): boolean {
  const parts = parsePropertyString(config["agent"] ?? "");
  return /^(1|on|yes|true)$/.test(parts.get("") ?? parts.get("enabled") ?? "");
}
