import { Button } from "@patternfly/react-core";
import CloneIcon from "@patternfly/react-icons/dist/esm/icons/clone-icon";
import { lazy, Suspense, useState } from "react";
import type { GuestResource } from "../../../api/cluster";
import { t } from "../../../i18n";

const CloneGuest = lazy(() => import("./CloneGuest"));

export function CloneGuestButton({ guest }: { guest: GuestResource }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button variant="secondary" icon={<CloneIcon />} isDisabled={guest.lock !== null} onClick={() => setOpen(true)}>
        {t("clone")}
      </Button>
      {open && (
        <Suspense>
          <CloneGuest guest={guest} onClose={() => setOpen(false)} />
        </Suspense>
      )}
    </>
  );
}
