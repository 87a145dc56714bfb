import CloneIcon from "@patternfly/react-icons/dist/esm/icons/clone-icon";
import { lazy } from "react";
import type { GuestResource } from "../../../api/cluster";
import { t } from "../../../i18n";
import { OpenButton } from "../../common/OpenButton";

const CloneGuest = lazy(() => import("./CloneGuest"));

export function CloneGuestButton({ guest }: { guest: GuestResource }) {
  return (
    <OpenButton variant="secondary" icon={<CloneIcon />} label={t("clone")} isDisabled={guest.lock !== null}>
      {(onClose) => <CloneGuest guest={guest} onClose={onClose} />}
    </OpenButton>
  );
}
