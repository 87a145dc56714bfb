import { Button } from "@patternfly/react-core";
import PlayIcon from "@patternfly/react-icons/dist/esm/icons/play-icon";
import type { GuestResource } from "../../../api/cluster";
import { startGuest } from "../../../api/guests";
import { t } from "../../../i18n";
import { useToldAction } from "../../../state/useToldAction";

/** Loses nothing, so it asks nothing. */
export function StartGuestButton({ guest }: { guest: GuestResource }) {
  const { busy, run } = useToldAction(t("guest.startFailed", { vmid: guest.vmid }), () => startGuest(guest));
  return (
    <Button icon={<PlayIcon />} isLoading={busy} isDisabled={busy || guest.lock !== null} onClick={() => void run()}>
      {t("start")}
    </Button>
  );
}
