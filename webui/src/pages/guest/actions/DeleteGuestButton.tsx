import { Button, List, ListItem } from "@patternfly/react-core";
import TrashIcon from "@patternfly/react-icons/dist/esm/icons/trash-icon";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "react-router";
import type { GuestResource } from "../../../api/cluster";
import { deleteGuest } from "../../../api/guests";
import { t } from "../../../i18n";
import { ownedDisks } from "../../../state/hardware";
import { guestConfigQuery } from "../../../state/queries";
import { urls } from "../../urls";
import { ConfirmedAction } from "../../common/ConfirmedAction";

/** Removes the guest with its disks, after naming them and having its id typed. */
export function DeleteGuestButton({ guest }: { guest: GuestResource }) {
  const navigate = useNavigate();
  return (
    <ConfirmedAction
      button={(open) => (
        <Button variant="secondary" isDanger icon={<TrashIcon />} isDisabled={guest.lock !== null} onClick={open}>
          {t("delete")}
        </Button>
      )}
      title={t("delete.title", { vmid: guest.vmid, name: guest.name })}
      confirmLabel={t("delete")}
      isDanger
      typeToConfirm={String(guest.vmid)}
      order={() => deleteGuest(guest)}
      onDone={() => void navigate(urls.node(guest.node))}
    >
      <Losses guest={guest} />
    </ConfirmedAction>
  );
}

function Losses({ guest }: { guest: GuestResource }) {
  const { data: config } = useQuery(guestConfigQuery(guest));
  const disks = config ? ownedDisks(config) : [];
  return (
    <>
      <p>{t(config && disks.length === 0 ? "delete.textNoDisks" : "delete.text")}</p>
      {disks.length > 0 && (
        <List>
          {disks.map(({ key, volid, size }) => (
            <ListItem key={key} className="hf-break">
              {[`${key}: ${volid}`, size].filter(Boolean).join(", ")}
            </ListItem>
          ))}
        </List>
      )}
    </>
  );
}
