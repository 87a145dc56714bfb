import ExchangeAltIcon from "@patternfly/react-icons/dist/esm/icons/exchange-alt-icon";
import { lazy } from "react";
import type { GuestResource } from "../../../api/cluster";
import { t } from "../../../i18n";
import { OpenButton } from "../../common/OpenButton";

const MoveGuest = lazy(() => import("./MoveGuest"));

/** To another node. */
export function MoveGuestButton({ guest }: { guest: GuestResource }) {
  return (
    <OpenButton variant="secondary" icon={<ExchangeAltIcon />} label={t("move")} isDisabled={guest.lock !== null}>
      {(onClose) => <MoveGuest guest={guest} onClose={onClose} />}
    </OpenButton>
  );
}
