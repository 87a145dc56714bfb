import { Button } from "@patternfly/react-core";
import UndoIcon from "@patternfly/react-icons/dist/esm/icons/undo-icon";
import type { GuestResource } from "../../../api/cluster";
import { rollBack, type Snapshot } from "../../../api/snapshots";
import { t } from "../../../i18n";
import { dateTime } from "../../../state/format";
import { ConfirmedAction } from "../../common/ConfirmedAction";

/** Back to a snapshot; what was written since then is lost. */
export function RollBackButton({ guest, snapshot }: { guest: GuestResource; snapshot: Snapshot }) {
  const { name, takenS } = snapshot;
  return (
    <ConfirmedAction
      button={(open) => (
        <Button
          variant="plain"
          size="sm"
          icon={<UndoIcon />}
          isDisabled={!guest.known || guest.lock !== null}
          aria-label={t("snapshot.rollBackTo", { name })}
          onClick={open}
        />
      )}
      title={t("snapshot.rollBackTitle", { name })}
      confirmLabel={t("snapshot.rollBack")}
      isDanger
      order={() => rollBack(guest, name)}
    >
      <p className="hf-break">{t("snapshot.guest", { vmid: guest.vmid, name: guest.name })}</p>
      <p>
        {takenS === null ? t("snapshot.rollBackText") : t("snapshot.rollBackTextSince", { time: dateTime(takenS) })}
      </p>
      {guest.running && <p>{t(snapshot.memory ? "snapshot.goesOn" : "snapshot.stops")}</p>}
    </ConfirmedAction>
  );
}
