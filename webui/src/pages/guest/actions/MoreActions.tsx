import { Dropdown, DropdownItem, DropdownList, MenuToggle } from "@patternfly/react-core";
import EllipsisVIcon from "@patternfly/react-icons/dist/esm/icons/ellipsis-v-icon";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { GuestResource } from "../../../api/cluster";
import { type GuestRef, makeTemplate, rebootGuest, resetVm, resumeVm, suspendVm } from "../../../api/guests";
import { t } from "../../../i18n";
import "../../../i18n/wholeGuest";
import { DANGEROUS, type GuestAction, possibleActions } from "../../../state/guestActions";
import { guestStatusQuery } from "../../../state/queries";
import { Question } from "../../common/Question";

const ORDERS: Readonly<Record<GuestAction, (guest: GuestRef) => Promise<string | null>>> = {
  reboot: rebootGuest,
  reset: resetVm,
  pause: (guest) => suspendVm(guest, false),
  resume: resumeVm,
  hibernate: (guest) => suspendVm(guest, true),
  template: makeTemplate,
};

/** A menu of what is done seldom; each asks first. */
export function MoreActions({ guest }: { guest: GuestResource }) {
  const { data: status } = useQuery(guestStatusQuery(guest));
  const [open, setOpen] = useState(false);
  const [asked, setAsked] = useState<GuestAction | null>(null);
  const actions = possibleActions(guest, status?.detail);
  const words = { vmid: guest.vmid, name: guest.name };
  return (
    <>
      {actions.length > 0 && (
        <Dropdown
          isOpen={open}
          onOpenChange={setOpen}
          onSelect={() => setOpen(false)}
          popperProps={{ position: "end", appendTo: "inline" }}
          toggle={(ref) => (
            <MenuToggle
              ref={ref}
              variant="plain"
              icon={<EllipsisVIcon />}
              isExpanded={open}
              isDisabled={guest.lock !== null}
              onClick={() => setOpen(!open)}
              aria-label={t("guestAction.more")}
            />
          )}
        >
          <DropdownList>
            {actions.map((action) => (
              <DropdownItem key={action} isDanger={DANGEROUS.has(action)} onClick={() => setAsked(action)}>
                {t(`guestAction.${action}`)}
              </DropdownItem>
            ))}
          </DropdownList>
        </Dropdown>
      )}
      {asked && (
        <Question
          title={t(`guestActionTitle.${asked}`, words)}
          confirmLabel={t(`guestAction.${asked}`)}
          isDanger={DANGEROUS.has(asked)}
          order={() => ORDERS[asked](guest)}
          onClose={() => setAsked(null)}
        >
          <p>{t(`guestActionText.${asked}`)}</p>
        </Question>
      )}
    </>
  );
}
