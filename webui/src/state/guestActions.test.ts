import { expect, test } from "vitest";
import { hasAgent, possibleActions } from "./guestActions";

const machine = { kind: "qemu", running: true, template: false } as const;

test.each([
  ["a running machine", machine, "running", ["reboot", "reset", "pause", "hibernate"]],
  ["one whose state is not known yet", machine, undefined, ["reboot", "reset", "pause", "hibernate"]],
  ["one that is held still", machine, "paused", ["resume", "reset"]],
  ["one that is off", { ...machine, running: false }, "stopped", ["template"]],
  ["a template", { ...machine, running: false, template: true }, "stopped", []],
  ["a running container", { ...machine, kind: "lxc" as const }, "running", ["reboot"]],
])("%s", (_name, guest, detail, expected) => expect(possibleActions(guest, detail)).toEqual(expected));

test.each([
  ["1", true],
  ["enabled=1,fstrim_cloned_disks=1", true],
  ["0", false],
  ["type=virtio", false],
])("agent: %s is %s", (agent, expected) => expect(hasAgent({ agent })).toBe(expected));
