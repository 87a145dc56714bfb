import { type ReactNode, useState } from "react";
import { type Field, typedSecrets, type Values } from "../../components/FieldForm";
import { FormModal } from "../../components/FormModal";
import { placeErrors } from "../../state/formErrors";
import type { Topic } from "../../state/help";
import { useFormOrder } from "../../state/useFormOrder";
import { AsCode } from "./AsCode";
import { HelpLink } from "./HelpLink";

interface Props {
  /** Prefix of the fields' ids. */
  id: string;
  title: string;
  submitLabel: string;
  size?: "small" | "medium";
  isDanger?: boolean;
  /** Stands above the fields. */
  children?: ReactNode | ((values: Values) => ReactNode);
  /** Some depend on what was filled in. */
  fields: readonly Field[] | ((values: Values) => readonly Field[]);
  /** What the form begins with. */
  values: Values;
  /** The field of a parameter where the two have different names. */
  fieldOf?: (name: string) => string;
  /** It cannot be sent as it is; `children` say why. */
  blocked?: (values: Values) => boolean;
  order: (values: Values) => Promise<void>;
  /** What the help is about, if not the view. */
  topic?: Topic;
  onClose: () => void;
}

/** A form over values that exist; it closes once the server has taken the order. */
export function EditModal({
  id,
  title,
  submitLabel,
  size = "medium",
  isDanger = false,
  children,
  blocked = () => false,
  order,
  onClose,
  ...props
}: Props) {
  const fieldOf = props.fieldOf ?? ((name: string) => name);
  const form = useFormOrder({ place: (errors, shown) => placeErrors(errors, shown, fieldOf) });
  const [edited, setEdited] = useState<Values>({});
  const values = { ...props.values, ...edited };
  const fields = typeof props.fields === "function" ? props.fields(values) : props.fields;
  const submit = async () => {
    if (await form.send(fields, values, () => order(values))) onClose();
  };
  return (
    <FormModal
      id={id}
      size={size}
      title={title}
      fields={fields}
      values={values}
      errors={form.errors}
      problems={form.problems}
      busy={form.busy}
      blocked={blocked(values)}
      submitLabel={submitLabel}
      code={<AsCode order={() => order(values)} secrets={typedSecrets(fields, values)} />}
      help={<HelpLink topic={props.topic} />}
      isDanger={isDanger}
      onChange={(name, value) => {
        form.changed(name);
        setEdited({ ...edited, [name]: value });
      }}
      onSubmit={() => void submit()}
      onClose={onClose}
    >
      {typeof children === "function" ? children(values) : children}
    </FormModal>
  );
}
