import { Label } from "@patternfly/react-core";
import LockIcon from "@patternfly/react-icons/dist/esm/icons/lock-icon";
import PauseIcon from "@patternfly/react-icons/dist/esm/icons/pause-icon";
import PlayIcon from "@patternfly/react-icons/dist/esm/icons/play-icon";
import PowerOffIcon from "@patternfly/react-icons/dist/esm/icons/power-off-icon";
import QuestionCircleIcon from "@patternfly/react-icons/dist/esm/icons/question-circle-icon";
import type { GuestResource } from "../../api/cluster";
import { t } from "../../i18n";

interface Props {
  guest: Pick<GuestResource, "running" | "known" | "lock">;
  /** The engine's word, where it says more than running or stopped. */
  detail?: string | undefined;
}

/** A guest's state as a label. */
export function GuestState({ guest: { running, known, lock }, detail }: Props) {
  if (!known) {
    return (
      <Label isCompact variant="outline" icon={<QuestionCircleIcon />} color="grey">
        {t("state.unknown")}
      </Label>
    );
  }
  if (lock) {
    return (
      <Label isCompact variant="outline" icon={<LockIcon />} color="orange">
        {t("state.lockedBy", { lock })}
      </Label>
    );
  }
  if (!running) {
    return (
      <Label isCompact variant="outline" icon={<PowerOffIcon />} color="grey">
        {t("state.stopped")}
      </Label>
    );
  }
  const special = detail && detail !== "running" ? detail : null;
  return (
    <Label
      isCompact
      variant="outline"
      icon={special ? <PauseIcon /> : <PlayIcon />}
      color={special ? "orange" : "green"}
    >
      {special ?? t("state.running")}
    </Label>
  );
}
