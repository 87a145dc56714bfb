import { type ComponentProps, type ReactNode, useState } from "react";
import { Question } from "./Question";

interface Props extends Omit<ComponentProps<typeof Question>, "onClose"> {
  button: (open: () => void) => ReactNode;
}

/** A button that asks first. */
export function ConfirmedAction({ button, ...question }: Props) {
  const [open, setOpen] = useState(false);
  return (
    <>
      {button(() => setOpen(true))}
      {open && <Question {...question} onClose={() => setOpen(false)} />}
    </>
  );
}
