import LockIcon from "@patternfly/react-icons/dist/esm/icons/lock-icon";
import PauseIcon from "@patternfly/react-icons/dist/esm/icons/pause-icon";
import PlayIcon from "@patternfly/react-icons/dist/esm/icons/play-icon";
import PowerOffIcon from "@patternfly/react-icons/dist/esm/icons/power-off-icon";
import QuestionCircleIcon from "@patternfly/react-icons/dist/esm/icons/question-circle-icon";
import type { GuestResource } from "../../api/cluster";
import { Pill } from "../../components/Pill";
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
      <Pill icon={<QuestionCircleIcon />} color="grey">
        {t("state.unknown")}
      </Pill>
    );
  }
  if (lock) {
    return (
      <Pill icon={<LockIcon />} color="orange">
        {t("state.lockedBy", { lock })}
      </Pill>
    );
  }
  if (!running) {
    return (
      <Pill icon={<PowerOffIcon />} color="grey">
        {t("state.stopped")}
      </Pill>
    );
  }
  const special = detail && detail !== "running" ? detail : null;
  return (
    <Pill icon={special ? <PauseIcon /> : <PlayIcon />} color={special ? "orange" : "green"}>
      {special ?? t("state.running")}
    </Pill>
  );
}
