import { Button } from "@patternfly/react-core";
import TrashIcon from "@patternfly/react-icons/dist/esm/icons/trash-icon";
import type { QueryKey } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { t } from "../../i18n";
import { ConfirmedAction } from "./ConfirmedAction";
import { useChange } from "./useChange";

interface Props {
  label: string;
  title: string;
  confirmLabel?: string;
  typeToConfirm?: string;
  children: ReactNode;
  remove: () => Promise<void>;
  /** What is asked for again once it is gone. */
  touches: QueryKey;
}

/** Asks, then removes one item of a list. */
export function RemoveItemButton({ label, confirmLabel = t("delete"), remove, touches, ...question }: Props) {
  const change = useChange(touches);
  return (
    <ConfirmedAction
      {...question}
      button={(open) => (
        <Button variant="plain" size="sm" isDanger icon={<TrashIcon />} aria-label={label} onClick={open} />
      )}
      confirmLabel={confirmLabel}
      isDanger
      order={async () => {
        await change(remove);
        return null;
      }}
    />
  );
}
