import { Button } from "@patternfly/react-core";
import { type ReactNode, Suspense, useState } from "react";

interface Props {
  label: string;
  icon: ReactNode;
  /** Icon alone, in a row. */
  isPlain?: boolean;
  isDisabled?: boolean;
  /** What it opens, loaded when it is. */
  children: (onClose: () => void) => ReactNode;
}

export function OpenButton({ label, icon, isPlain = false, isDisabled = false, children }: Props) {
  const [open, setOpen] = useState(false);
  const show = () => setOpen(true);
  return (
    <>
      {isPlain ? (
        <Button variant="plain" size="sm" icon={icon} isDisabled={isDisabled} aria-label={label} onClick={show} />
      ) : (
        <Button variant="link" size="sm" icon={icon} isDisabled={isDisabled} onClick={show}>
          {label}
        </Button>
      )}
      {open && <Suspense>{children(() => setOpen(false))}</Suspense>}
    </>
  );
}
