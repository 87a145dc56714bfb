import { Button } from "@patternfly/react-core";
import TrashIcon from "@patternfly/react-icons/dist/esm/icons/trash-icon";
import type { GuestResource } from "../../../api/cluster";
import { deleteSnapshot, type Snapshot } from "../../../api/snapshots";
import { t } from "../../../i18n";
import { ConfirmedAction } from "../../common/ConfirmedAction";

/** Gives a snapshot up; the guest itself and other snapshots stay as they are. */
export function DeleteSnapshotButton({ guest, snapshot }: { guest: GuestResource; snapshot: Snapshot }) {
  const { name } = snapshot;
  return (
    <ConfirmedAction
      button={(open) => (
        <Button
          variant="plain"
          size="sm"
          isDanger
          icon={<TrashIcon />}
          isDisabled={!guest.known || guest.lock !== null}
          aria-label={t("snapshot.deleteNamed", { name })}
          onClick={open}
        />
      )}
      title={t("snapshot.deleteTitle", { name })}
      confirmLabel={t("delete")}
      isDanger
      order={() => deleteSnapshot(guest, name)}
    >
      <p className="hf-break">{t("snapshot.guest", { vmid: guest.vmid, name: guest.name })}</p>
      <p>{t("snapshot.deleteText")}</p>
    </ConfirmedAction>
  );
}
