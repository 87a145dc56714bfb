import { Button } from "@patternfly/react-core";
import TrashIcon from "@patternfly/react-icons/dist/esm/icons/trash-icon";
import type { GuestResource } from "../../../api/cluster";
import { t } from "../../../i18n";
import { useConfigChange } from "../../../state/useConfigChange";
import { ConfirmedAction } from "../../common/ConfirmedAction";
import { optionLabel } from "./optionLabel";

interface Props {
  guest: GuestResource;
  option: string;
  value: string;
}

/** Takes a device out. A disk is kept as unused first; an unused one is lost. */
export function RemoveButton({ guest, option, value }: Props) {
  const change = useConfigChange(guest);
  const isUnused = option.startsWith("unused");
  const isDisk = !isUnused && !option.startsWith("net") && !value.includes("media=cdrom");
  const text = isUnused ? "hardware.removeUnused" : isDisk ? "hardware.removeDisk" : "hardware.removeDevice";
  return (
    <ConfirmedAction
      button={(open) => (
        <Button
          variant="plain"
          size="sm"
          isDanger
          icon={<TrashIcon />}
          isDisabled={guest.lock !== null}
          aria-label={t("hardware.remove", { option: optionLabel(option) })}
          onClick={open}
        />
      )}
      title={t("hardware.removeTitle", { option: optionLabel(option) })}
      confirmLabel={t("hardware.removeSubmit")}
      isDanger
      order={async () => {
        await change({ remove: [option] });
        return null;
      }}
    >
      <p>{t(text)}</p>
      <p className="hf-break hf-mono">{value}</p>
    </ConfirmedAction>
  );
}
