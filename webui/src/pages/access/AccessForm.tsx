import { Button } from "@patternfly/react-core";
import PlusIcon from "@patternfly/react-icons/dist/esm/icons/plus-icon";
import { type ReactNode, useState } from "react";
import type { Field, Values } from "../../components/FieldForm";
import { FormModal } from "../../components/FormModal";
import { placeErrors } from "../../state/formErrors";
import { useFormOrder } from "../../state/useFormOrder";
import { useAccessChange } from "./useAccessChange";

interface Props {
  label: string;
  title: string;
  submitLabel: string;
  fields: readonly Field[];
  values: Values;
  children?: ReactNode;
  /** The field of a parameter where the two have different names. */
  fieldOf?: (name: string) => string;
  order: (values: Values) => Promise<void>;
}

/** A button, and the form that it opens. */
export function AccessForm({ label, ...form }: Props) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button icon={<PlusIcon />} onClick={() => setOpen(true)}>
        {label}
      </Button>
      {open && <OpenForm {...form} onClose={() => setOpen(false)} />}
    </>
  );
}

function OpenForm(props: Omit<Props, "label"> & { onClose: () => void }) {
  const { title, submitLabel, fields, children, fieldOf = (name) => name, order, onClose } = props;
  const change = useAccessChange();
  const form = useFormOrder({ place: (errors, shown) => placeErrors(errors, shown, fieldOf) });
  const [edited, setEdited] = useState<Values>({});
  const values = { ...props.values, ...edited };
  const submit = async () => {
    if (await form.send(fields, values, () => change(() => order(values)))) onClose();
  };
  return (
    <FormModal
      id="access"
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
