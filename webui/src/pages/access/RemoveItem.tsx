import { Button } from "@patternfly/react-core";
import TrashIcon from "@patternfly/react-icons/dist/esm/icons/trash-icon";
import type { ReactNode } from "react";
import { t } from "../../i18n";
import { ConfirmedAction } from "../common/ConfirmedAction";
import { useAccessChange } from "./useAccessChange";

interface Props {
  label: string;
  title: string;
  children: ReactNode;
  remove: () => Promise<void>;
}

/** Asks, then removes a user, a token, a role or a permission. */
export function RemoveItem({ label, title, children, remove }: Props) {
  const change = useAccessChange();
  return (
    <ConfirmedAction
      button={(open) => (
        <Button variant="plain" size="sm" isDanger icon={<TrashIcon />} aria-label={label} onClick={open} />
      )}
      title={title}
      confirmLabel={t("delete")}
      isDanger
      order={async () => {
        await change(remove);
        return null;
      }}
    >
      {children}
    </ConfirmedAction>
  );
}
