import { Button } from "@patternfly/react-core";
import ExchangeAltIcon from "@patternfly/react-icons/dist/esm/icons/exchange-alt-icon";
import { lazy, Suspense, useState } from "react";
import type { GuestResource } from "../../../api/cluster";
import { t } from "../../../i18n";

const MoveGuest = lazy(() => import("./MoveGuest"));

/** To another node. */
export function MoveGuestButton({ guest }: { guest: GuestResource }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button
        variant="secondary"
        icon={<ExchangeAltIcon />}
        isDisabled={guest.lock !== null}
        onClick={() => setOpen(true)}
      >
        {t("move")}
      </Button>
      {open && (
        <Suspense>
          <MoveGuest guest={guest} onClose={() => setOpen(false)} />
        </Suspense>
      )}
    </>
  );
}
