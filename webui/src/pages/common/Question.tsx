import type { ReactNode } from "react";
import { ConfirmModal } from "../../components/ConfirmModal";
import { useTaskAction } from "../../state/useTaskAction";
import { AsCode } from "./AsCode";
import { HelpLink } from "./HelpLink";

interface Props {
  title: string;
  children: ReactNode;
  confirmLabel: string;
  isDanger?: boolean;
  typeToConfirm?: string;
  order: () => Promise<string | null>;
  onDone?: () => void;
  onClose: () => void;
}

/** What is asked before an order is given; a refusal is shown in it, and it then stays open. */
export function Question({ order, onDone, onClose, ...modal }: Props) {
  const { busy, error, run } = useTaskAction(order);
  const confirm = async () => {
    if (!(await run())) return;
    onClose();
    onDone?.();
  };
  return (
    <ConfirmModal
      {...modal}
      busy={busy}
      error={error}
      code={<AsCode order={order} />}
      help={<HelpLink />}
      onConfirm={() => void confirm()}
      onClose={onClose}
    />
  );
}
