import { ActionList, ActionListItem } from "@patternfly/react-core";
import CompactDiscIcon from "@patternfly/react-icons/dist/esm/icons/compact-disc-icon";
import EditIcon from "@patternfly/react-icons/dist/esm/icons/edit-icon";
import ExchangeAltIcon from "@patternfly/react-icons/dist/esm/icons/exchange-alt-icon";
import ExpandAltIcon from "@patternfly/react-icons/dist/esm/icons/expand-alt-icon";
import { lazy } from "react";
import { t } from "../../../i18n";
import { isMovable } from "../../../state/diskMove";
import { sourceOf } from "../../../state/hardware";
import { parsePropertyString } from "../../../state/propertyString";
import { OpenButton } from "../../common/OpenButton";
import { optionLabel } from "./optionLabel";
import { RemoveButton } from "./RemoveButton";
import type { Hardware } from "./types";

const ChangeMedium = lazy(() => import("./ChangeMedium"));
const EditCard = lazy(() => import("./EditCard"));
const GrowDisk = lazy(() => import("./GrowDisk"));
const MoveDisk = lazy(() => import("./MoveDisk"));

/** What stays as long as the guest: without it the guest has no system, or no keys. */
const KEPT = /^(rootfs|efidisk\d+|tpmstate\d+)$/;
const DISK = /^(ide|sata|scsi|virtio|mp)\d+$|^rootfs$/;

interface Props extends Hardware {
  option: string;
  value: string;
}

/** What can be done with one device. */
export function RowActions({ option, value, ...hardware }: Props) {
  const isCard = /^net\d+$/.test(option);
  const isDisk = DISK.test(option);
  if (!isCard && !isMovable(option)) return null;
  const parts = parsePropertyString(value);
  const source = sourceOf(parts);
  const isDrive = parts.get("media") === "cdrom";
  const label = optionLabel(option);
  const isDisabled = hardware.guest.lock !== null;
  return (
    <ActionList isIconList>
      {isCard && (
        <ActionListItem>
          <OpenButton
            variant="plain"
            icon={<EditIcon />}
            label={t("hardware.edit", { option: label })}
            isDisabled={isDisabled}
          >
            {(onClose) => <EditCard {...hardware} option={option} onClose={onClose} />}
          </OpenButton>
        </ActionListItem>
      )}
      {isDrive && (
        <ActionListItem>
          <OpenButton
            variant="plain"
            icon={<CompactDiscIcon />}
            label={t("hardware.changeMedium", { option: label })}
            isDisabled={isDisabled}
          >
            {(onClose) => <ChangeMedium {...hardware} option={option} medium={source} onClose={onClose} />}
          </OpenButton>
        </ActionListItem>
      )}
      {isDisk && !isDrive && source.includes(":") && (
        <ActionListItem>
          <OpenButton
            variant="plain"
            icon={<ExpandAltIcon />}
            label={t("hardware.grow", { option: label })}
            isDisabled={isDisabled}
          >
            {(onClose) => <GrowDisk {...hardware} option={option} size={parts.get("size") ?? ""} onClose={onClose} />}
          </OpenButton>
        </ActionListItem>
      )}
      {isMovable(option) && !isDrive && source.includes(":") && (
        <ActionListItem>
          <OpenButton
            variant="plain"
            icon={<ExchangeAltIcon />}
            label={t("moveDisk.title", { option: label })}
            isDisabled={isDisabled}
          >
            {(onClose) => <MoveDisk {...hardware} option={option} volid={source} onClose={onClose} />}
          </OpenButton>
        </ActionListItem>
      )}
      {(isCard || (isMovable(option) && !KEPT.test(option))) && (
        <ActionListItem>
          <RemoveButton guest={hardware.guest} option={option} value={value} />
        </ActionListItem>
      )}
    </ActionList>
  );
}
