import { Button } from "@patternfly/react-core";
import PlayIcon from "@patternfly/react-icons/dist/esm/icons/play-icon";
import { useEffect } from "react";
import type { GuestResource } from "../../../api/cluster";
import { startGuest } from "../../../api/guests";
import { t } from "../../../i18n";
import { useApp } from "../../../state/app";
import { useTaskAction } from "../../../state/useTaskAction";

/** Loses nothing, so it asks nothing. */
export function StartGuestButton({ guest }: { guest: GuestResource }) {
  const { toasts } = useApp();
  const { busy, error, run } = useTaskAction(() => startGuest(guest));
  useEffect(() => {
    if (error) toasts.add({ variant: "danger", title: t("guest.startFailed", { vmid: guest.vmid }), text: error });
  }, [error, guest.vmid, toasts]);
  return (
    <Button icon={<PlayIcon />} isLoading={busy} isDisabled={busy || guest.lock !== null} onClick={() => void run()}>
      {t("start")}
    </Button>
  );
}
