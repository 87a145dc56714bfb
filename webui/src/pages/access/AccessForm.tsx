import PlusIcon from "@patternfly/react-icons/dist/esm/icons/plus-icon";
import type { Field, Values } from "../../components/FieldForm";
import { EditModal } from "../common/EditModal";
import { OpenButton } from "../common/OpenButton";
import { useAccessChange } from "./useAccessChange";

interface Props {
  /** Of the button and its window. */
  label: string;
  submitLabel: string;
  fields: readonly Field[];
  values: Values;
  fieldOf?: (name: string) => string;
  order: (values: Values) => Promise<void>;
}

/** A button, and the form that it opens. */
export function AccessForm({ label, order, ...form }: Props) {
  const change = useAccessChange();
  return (
    <OpenButton icon={<PlusIcon />} label={label}>
      {(onClose) => (
        <EditModal
          id="access"
          title={label}
          {...form}
          order={(values) => change(() => order(values))}
          onClose={onClose}
        />
      )}
    </OpenButton>
  );
}
