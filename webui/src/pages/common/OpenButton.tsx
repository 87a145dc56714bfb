import { Button } from "@patternfly/react-core";
import { type ReactNode, Suspense, useState } from "react";

interface Props {
  label: string;
  icon: ReactNode;
  /** "plain": the icon alone, in a row; "link": small, in a header. */
  variant?: "primary" | "secondary" | "link" | "plain";
  isDisabled?: boolean;
  /** What it opens, loaded when it is. */
  children: (onClose: () => void) => ReactNode;
}

/** A button, and the window that it opens. */
export function OpenButton({ label, icon, variant = "primary", isDisabled = false, children }: Props) {
  const [open, setOpen] = useState(false);
  const isPlain = variant === "plain";
  return (
    <>
      <Button
        variant={variant}
        icon={icon}
        isDisabled={isDisabled}
        onClick={() => setOpen(true)}
        {...((isPlain || variant === "link") && { size: "sm" as const })}
        {...(isPlain && { "aria-label": label })}
      >
        {isPlain ? null : label}
      </Button>
      {open && <Suspense>{children(() => setOpen(false))}</Suspense>}
    </>
  );
}
