import { type ReactNode, useState } from "react";
import { ConfirmModal } from "../../components/ConfirmModal";
import { useTaskAction } from "../../state/useTaskAction";
import { AsCode } from "./AsCode";

interface Props {
  button: (open: () => void) => ReactNode;
  title: string;
  children: ReactNode;
  confirmLabel: string;
  isDanger?: boolean;
  typeToConfirm?: string;
  order: () => Promise<string | null>;
  onDone?: () => void;
}

/** A button that asks first; a refusal is shown in the question, which then stays open. */
export function ConfirmedAction({ button, order, onDone, ...modal }: Props) {
  const [open, setOpen] = useState(false);
  const { busy, error, run, reset } = useTaskAction(order);
  const confirm = async () => {
    if (!(await run())) return;
    setOpen(false);
    onDone?.();
  };
  return (
    <>
      {button(() => {
        reset();
        setOpen(true);
      })}
      {open && (
        <ConfirmModal
          {...modal}
          busy={busy}
          error={error}
          code={<AsCode order={order} />}
          onConfirm={() => void confirm()}
          onClose={() => setOpen(false)}
        />
      )}
    </>
  );
}
