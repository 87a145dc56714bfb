import { Button } from "@patternfly/react-core";
import PlusIcon from "@patternfly/react-icons/dist/esm/icons/plus-icon";
import { useState } from "react";
import type { Field, Values } from "../../components/FieldForm";
import { EditModal } from "../common/EditModal";
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
  const [open, setOpen] = useState(false);
  const change = useAccessChange();
  return (
    <>
      <Button icon={<PlusIcon />} onClick={() => setOpen(true)}>
        {label}
      </Button>
      {open && (
        <EditModal
          id="access"
          title={label}
          {...form}
          order={(values) => change(() => order(values))}
          onClose={() => setOpen(false)}
        />
      )}
    </>
  );
}
