import { Button } from "@patternfly/react-core";
import StopIcon from "@patternfly/react-icons/dist/esm/icons/stop-icon";
import type { GuestResource } from "../../../api/cluster";
import { stopGuest } from "../../../api/guests";
import { t } from "../../../i18n";
import { ConfirmedAction } from "../../common/ConfirmedAction";

/** Cuts the guest's power. */
export function StopGuestButton({ guest }: { guest: GuestResource }) {
  return (
    <ConfirmedAction
      button={(open) => (
        <Button variant="secondary" isDanger icon={<StopIcon />} onClick={open}>
          {t("stop")}
        </Button>
      )}
      title={t("stop.title", { vmid: guest.vmid, name: guest.name })}
      confirmLabel={t("stop")}
      isDanger
      order={() => stopGuest(guest)}
    >
      <p>{t("stop.text")}</p>
    </ConfirmedAction>
  );
}
