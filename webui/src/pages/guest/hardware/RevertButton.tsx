import { Button } from "@patternfly/react-core";
import UndoIcon from "@patternfly/react-icons/dist/esm/icons/undo-icon";
import type { GuestResource } from "../../../api/cluster";
import { t } from "../../../i18n";
import { useApp } from "../../../state/app";
import { errorText } from "../../../state/errorText";
import { useConfigChange } from "../../../state/useConfigChange";
import { optionLabel } from "./optionLabel";

/** Takes a change back that waits for the guest's next start. */
export function RevertButton({ guest, option }: { guest: GuestResource; option: string }) {
  const { toasts } = useApp();
  const change = useConfigChange(guest);
  const revert = async () => {
    try {
      await change({ revert: [option] });
    } catch (reason) {
      toasts.add({ variant: "danger", title: t("failed"), text: errorText(reason) });
    }
  };
  return (
    <Button
      variant="plain"
      size="sm"
      icon={<UndoIcon />}
      aria-label={t("hardware.revert", { option: optionLabel(option) })}
      onClick={() => void revert()}
    />
  );
}
