import { ActionList, ActionListGroup, ActionListItem } from "@patternfly/react-core";
import type { GuestResource } from "../../api/cluster";
import { nodes } from "../../state/resources";
import { useResources } from "../common/useResources";
import { CloneGuestButton } from "./actions/CloneGuestButton";
import { DeleteGuestButton } from "./actions/DeleteGuestButton";
import { MoreActions } from "./actions/MoreActions";
import { MoveGuestButton } from "./actions/MoveGuestButton";
import { ShutdownGuestButton } from "./actions/ShutdownGuestButton";
import { StartGuestButton } from "./actions/StartGuestButton";
import { StopGuestButton } from "./actions/StopGuestButton";

/** What can be done with the guest in its present state. */
export function GuestActions({ guest }: { guest: GuestResource }) {
  const hasOthers = nodes(useResources().resources).some(({ node }) => node !== guest.node);
  if (!guest.known) return null;
  return (
    <ActionList>
      <ActionListGroup>
        {!guest.running && !guest.template && (
          <ActionListItem>
            <StartGuestButton guest={guest} />
          </ActionListItem>
        )}
        {guest.running && (
          <>
            <ActionListItem>
              <ShutdownGuestButton guest={guest} />
            </ActionListItem>
            <ActionListItem>
              <StopGuestButton guest={guest} />
            </ActionListItem>
          </>
        )}
        {hasOthers && (
          <ActionListItem>
            <MoveGuestButton guest={guest} />
          </ActionListItem>
        )}
        <ActionListItem>
          <CloneGuestButton guest={guest} />
        </ActionListItem>
        {!guest.running && (
          <ActionListItem>
            <DeleteGuestButton guest={guest} />
          </ActionListItem>
        )}
        <ActionListItem>
          <MoreActions guest={guest} />
        </ActionListItem>
      </ActionListGroup>
    </ActionList>
  );
}
