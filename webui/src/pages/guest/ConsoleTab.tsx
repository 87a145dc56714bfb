import { ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";
import PowerOffIcon from "@patternfly/react-icons/dist/esm/icons/power-off-icon";
import { useQuery } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense, useCallback, useState } from "react";
import { openTerminal, openVnc } from "../../api/consoles";
import type { GuestKind, GuestResource } from "../../api/cluster";
import { Empty, Loading } from "../../components/States";
import { t } from "../../i18n";
import { serialPorts } from "../../state/hardware";
import { guestConfigQuery } from "../../state/queries";
import { StartGuestButton } from "./actions/StartGuestButton";

// On demand: half of the page's code is in these two.
const Vnc = lazy(() => import("../../consoles/Vnc"));
const Terminal = lazy(() => import("../../consoles/Terminal"));

/** Screen of a virtual machine (or its serial port, where it has one), terminal of a container. */
export function ConsoleTab({ guest }: { guest: GuestResource }) {
  const { data: config } = useQuery(guestConfigQuery(guest));
  const [serial, setSerial] = useState(false);
  if (!guest.running) {
    return (
      <Empty title={t("console.stopped")} text={t("console.stoppedText")} icon={PowerOffIcon}>
        {guest.known && !guest.template && <StartGuestButton guest={guest} />}
      </Empty>
    );
  }
  const hasSerial = serialPorts(guest.kind, config ?? {}).length > 0;
  const choice = hasSerial && (
    <ToggleGroup isCompact aria-label={t("console.kind")}>
      <ToggleGroupItem text={t("console.screen")} isSelected={!serial} onChange={() => setSerial(false)} />
      <ToggleGroupItem text={t("console.serial")} isSelected={serial} onChange={() => setSerial(true)} />
    </ToggleGroup>
  );
  const { kind, vmid, node } = guest;
  return (
    <Suspense fallback={<Loading />}>
      <Console kind={kind} vmid={vmid} node={node} terminal={kind === "lxc" || (hasSerial && serial)} choice={choice} />
    </Suspense>
  );
}

interface Props {
  kind: GuestKind;
  vmid: number;
  node: string;
  terminal: boolean;
  choice: ReactNode;
}

/** Takes plain values, so that the live updates of the guest do not reconnect. */
function Console({ kind, vmid, node, terminal, choice }: Props) {
  const open = useCallback(
    () => (terminal ? openTerminal : openVnc)({ kind, vmid, node }),
    [kind, vmid, node, terminal],
  );
  return terminal ? <Terminal open={open} choice={choice} /> : <Vnc open={open} choice={choice} />;
}
