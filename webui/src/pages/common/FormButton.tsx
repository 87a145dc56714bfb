import type { QueryKey } from "@tanstack/react-query";
import PlusIcon from "@patternfly/react-icons/dist/esm/icons/plus-icon";
import type { ComponentProps, ReactNode } from "react";
import { EditModal } from "./EditModal";
import { OpenButton } from "./OpenButton";
import { useChange } from "./useChange";

interface Props extends Omit<ComponentProps<typeof EditModal>, "title" | "onClose"> {
  /** Of the button and its window. */
  label: string;
  icon?: ReactNode;
  variant?: ComponentProps<typeof OpenButton>["variant"];
  isDisabled?: boolean;
  /** What is asked for again once the order is taken. */
  touches: QueryKey;
}

/** A button, and the form that it opens. */
export function FormButton({ label, icon = <PlusIcon />, variant = "primary", isDisabled, touches, ...props }: Props) {
  const change = useChange(touches);
  return (
    <OpenButton icon={icon} label={label} variant={variant} isDisabled={isDisabled ?? false}>
      {(onClose) => (
        <EditModal {...props} title={label} order={(values) => change(() => props.order(values))} onClose={onClose} />
      )}
    </OpenButton>
  );
}
