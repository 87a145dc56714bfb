import { Alert, Button, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import { useState } from "react";
import { useNavigate } from "react-router";
import type { GuestKind } from "../../api/cluster";
import { ApiError } from "../../api/client";
import { type Field, FieldForm, type Values } from "../../components/FieldForm";
import { t } from "../../i18n";
import { useApp } from "../../state/app";
import { placeErrors } from "../../state/createGuest";
import { errorText } from "../../state/errorText";
import { urls } from "../urls";

interface Props {
  title: string;
  kind: GuestKind;
  fields: readonly Field[];
  values: Values;
  onChange: (name: string, value: string) => void;
  /** Sends the values; gives the task's id. */
  create: () => Promise<string>;
  onClose: () => void;
}

/** A create form in its window: checks what must be filled in, leaves the rest to the server. */
export function CreateModal({ title, kind, fields, values, onChange, create, onClose }: Props) {
  const { watchTask } = useApp();
  const navigate = useNavigate();
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [problems, setProblems] = useState<string[]>([]);
  const [busy, setBusy] = useState(false);

  const submit = async () => {
    if (busy) return;
    setProblems([]);
    const missing = fields.filter((field) => field.required && !values[field.name]);
    setErrors(Object.fromEntries(missing.map((field) => [field.name, t("form.required")])));
    if (missing.length > 0) return;
    setBusy(true);
    try {
      watchTask(await create());
      onClose();
      void navigate(urls.guest({ kind, vmid: Number(values["vmid"]) }));
    } catch (reason) {
      setBusy(false);
      const places = placeErrors(
        reason instanceof ApiError ? reason.errors : {},
        fields.map((field) => field.name),
      );
      setErrors(places.fields);
      const told = Object.keys(places.fields).length > 0 || places.others.length > 0;
      setProblems(told ? places.others : [errorText(reason)]);
    }
  };
  const change = (name: string, value: string) => {
    setErrors(({ [name]: _gone, ...rest }) => rest);
    onChange(name, value);
  };

  return (
    <Modal isOpen variant="medium" onClose={onClose} aria-labelledby="create-title">
      <ModalHeader title={title} labelId="create-title" />
      <ModalBody>
        <div className="hf-stack">
          {problems.map((problem) => (
            <Alert key={problem} variant="danger" isInline title={problem} />
          ))}
          <FieldForm
            id="create"
            fields={fields}
            values={values}
            errors={errors}
            onChange={change}
            onSubmit={() => void submit()}
          />
        </div>
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form="create" isDisabled={busy} isLoading={busy}>
          {t("create")}
        </Button>
        <Button variant="link" onClick={onClose}>
          {t("cancel")}
        </Button>
      </ModalFooter>
    </Modal>
  );
}
