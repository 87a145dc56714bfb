import { Button } from "@patternfly/react-core";
import PowerOffIcon from "@patternfly/react-icons/dist/esm/icons/power-off-icon";
import type { GuestResource } from "../../../api/cluster";
import { shutdownGuest } from "../../../api/guests";
import { t } from "../../../i18n";
import { ConfirmedAction } from "../../common/ConfirmedAction";

/** Asks the guest's system to end by itself. */
export function ShutdownGuestButton({ guest }: { guest: GuestResource }) {
  return (
    <ConfirmedAction
      button={(open) => (
        <Button variant="secondary" icon={<PowerOffIcon />} onClick={open}>
          {t("shutdown")}
        </Button>
      )}
      title={t("shutdown.title", { vmid: guest.vmid, name: guest.name })}
      confirmLabel={t("shutdown")}
      order={() => shutdownGuest(guest)}
    >
      <p>{t("shutdown.text")}</p>
    </ConfirmedAction>
  );
}
