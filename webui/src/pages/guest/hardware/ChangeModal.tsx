import type { ReactNode } from "react";
import { useState } from "react";
import type { GuestResource } from "../../../api/cluster";
import type { Change } from "../../../api/hardware";
import type { Field, Values } from "../../../components/FieldForm";
import { FormModal } from "../../../components/FormModal";
import { placeErrors } from "../../../state/formErrors";
import { isEmpty } from "../../../state/hardwareChange";
import { useConfigChange } from "../../../state/useConfigChange";
import { useFormOrder } from "../../../state/useFormOrder";

interface Props {
  guest: GuestResource;
  title: string;
  submitLabel: string;
  children?: ReactNode;
  fields: (values: Values) => readonly Field[];
  values: Values;
  /** The field where the server's words about an option belong. */
  fieldOf?: (option: string) => string;
  change: (values: Values) => Change;
  onClose: () => void;
}

/** A form whose values become a change of the guest's configuration. */
export function ChangeModal({ guest, title, submitLabel, children, onClose, ...props }: Props) {
  const send = useConfigChange(guest);
  const fieldOf = props.fieldOf ?? ((option: string) => option);
  const form = useFormOrder({ place: (errors, shown) => placeErrors(errors, shown, fieldOf) });
  const [edited, setEdited] = useState<Values>({});
  const values = { ...props.values, ...edited };
  const fields = props.fields(values);
  const submit = async () => {
    const change = props.change(values);
    if (await form.send(fields, values, () => (isEmpty(change) ? Promise.resolve() : send(change)))) onClose();
  };
  return (
    <FormModal
      id="hardware"
      title={title}
      fields={fields}
      values={values}
      errors={form.errors}
      problems={form.problems}
      busy={form.busy}
      submitLabel={submitLabel}
      onChange={(name, value) => {
        form.changed(name);
        setEdited({ ...edited, [name]: value });
      }}
      onSubmit={() => void submit()}
      onClose={onClose}
    >
      {children}
    </FormModal>
  );
}
