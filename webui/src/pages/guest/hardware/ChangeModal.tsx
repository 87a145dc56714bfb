import type { GuestResource } from "../../../api/cluster";
import type { Change } from "../../../api/hardware";
import type { Field, Values } from "../../../components/FieldForm";
import type { Topic } from "../../../state/help";
import { isEmpty } from "../../../state/hardwareChange";
import { useConfigChange } from "../../../state/useConfigChange";
import { EditModal } from "../../common/EditModal";

interface Props {
  guest: GuestResource;
  title: string;
  submitLabel: string;
  /** Some depend on what was filled in. */
  fields: readonly Field[] | ((values: Values) => readonly Field[]);
  values: Values;
  /** The field where the server's words about an option belong. */
  fieldOf?: (option: string) => string;
  /** What the help is about, if not the view. */
  topic?: Topic;
  change: (values: Values) => Change;
  onClose: () => void;
}

/** A form whose values become a change of the guest's configuration. */
export function ChangeModal({ guest, change, ...form }: Props) {
  const send = useConfigChange(guest);
  const order = async (values: Values) => {
    const wanted = change(values);
    if (!isEmpty(wanted)) await send(wanted);
  };
  return <EditModal id="hardware" {...form} order={order} />;
}
