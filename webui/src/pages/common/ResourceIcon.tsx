import CubeIcon from "@patternfly/react-icons/dist/esm/icons/cube-icon";
import DatabaseIcon from "@patternfly/react-icons/dist/esm/icons/database-icon";
import LockIcon from "@patternfly/react-icons/dist/esm/icons/lock-icon";
import PlayIcon from "@patternfly/react-icons/dist/esm/icons/play-icon";
import ServerIcon from "@patternfly/react-icons/dist/esm/icons/server-icon";
import TimesIcon from "@patternfly/react-icons/dist/esm/icons/times-icon";
import VirtualMachineIcon from "@patternfly/react-icons/dist/esm/icons/virtual-machine-icon";
import type { Resource } from "../../api/cluster";
import { type Key, t } from "../../i18n";

const ICONS = { node: ServerIcon, qemu: VirtualMachineIcon, lxc: CubeIcon, storage: DatabaseIcon };

type Mark = "running" | "locked" | "down" | "idle" | "good";

function markOf(resource: Resource): Mark {
  switch (resource.kind) {
    case "node":
      return resource.online ? "good" : "down";
    case "storage":
      return resource.available ? "good" : "down";
    default:
      if (!resource.known) return "down";
      return resource.lock ? "locked" : resource.running ? "running" : "idle";
  }
}

const BADGES = { running: PlayIcon, locked: LockIcon, down: TimesIcon, idle: null, good: null };
const LABELS: Record<Mark, Key> = {
  running: "state.running",
  locked: "state.locked",
  down: "state.unavailable",
  idle: "state.stopped",
  good: "state.online",
};

/** The kind of a resource with a small mark for its state, in shape as well as in colour. */
export function ResourceIcon({ resource }: { resource: Resource }) {
  const mark = markOf(resource);
  const Icon = ICONS[resource.kind];
  const Badge = BADGES[mark];
  const label = t(LABELS[mark]);
  return (
    <span className={`hf-icon hf-icon-${mark}`} role="img" aria-label={label} title={label}>
      <Icon />
      {Badge && <Badge className="hf-icon-badge" />}
    </span>
  );
}
