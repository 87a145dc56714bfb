import type { ReactNode } from "react";
import { useNavigate } from "react-router";
import type { GuestKind } from "../../api/cluster";
import { type Field, typedSecrets, type Values } from "../../components/FieldForm";
import { FormModal } from "../../components/FormModal";
import { t } from "../../i18n";
import { useApp } from "../../state/app";
import { placeErrors } from "../../state/createGuest";
import type { Topic } from "../../state/help";
import { useFormOrder } from "../../state/useFormOrder";
import { AsCode } from "../common/AsCode";
import { HelpLink } from "../common/HelpLink";
import { urls } from "../urls";

interface Props {
  title: string;
  submitLabel?: string;
  /** Stands above the fields. */
  children?: ReactNode;
  kind: GuestKind;
  topic: Topic;
  fields: readonly Field[];
  values: Values;
  onChange: (name: string, value: string) => void;
  /** Sends the values; gives the task's id. */
  create: () => Promise<string>;
  onClose: () => void;
}

/** A create form in its window: checks what must be filled in, leaves the rest to the server. */
export function CreateModal({
  title,
  submitLabel,
  children,
  kind,
  topic,
  fields,
  values,
  onChange,
  create,
  onClose,
}: Props) {
  const { watchTask } = useApp();
  const navigate = useNavigate();
  const form = useFormOrder({ place: placeErrors });
  const submit = async () => {
    if (!(await form.send(fields, values, async () => watchTask(await create())))) return;
    onClose();
    void navigate(urls.guest({ kind, vmid: Number(values["vmid"]) }));
  };
  return (
    <FormModal
      id="create"
      title={title}
      fields={fields}
      values={values}
      errors={form.errors}
      problems={form.problems}
      busy={form.busy}
      submitLabel={submitLabel ?? t("create")}
      code={<AsCode order={create} secrets={typedSecrets(fields, values)} />}
      help={<HelpLink topic={topic} />}
      onChange={(name, value) => {
        form.changed(name);
        onChange(name, value);
      }}
      onSubmit={() => void submit()}
      onClose={onClose}
    >
      {children}
    </FormModal>
  );
}
