import {
  Alert,
  Button,
  Form,
  FormGroup,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
  TextInput,
} from "@patternfly/react-core";
import { type FormEvent, type ReactNode, useId, useState } from "react";
import { t } from "../i18n";

interface Props {
  title: string;
  /** What happens and what is lost. */
  children: ReactNode;
  /** Stands below all else: the call that is sent, for a shell. */
  code: ReactNode;
  /** Stands beside the title: the way to what tells more. */
  help?: ReactNode;
  confirmLabel: string;
  isDanger?: boolean;
  /** A text the user must repeat before the button works. */
  typeToConfirm?: string;
  busy: boolean;
  error: string | null;
  onConfirm: () => void;
  onClose: () => void;
}

export function ConfirmModal(props: Props) {
  const { title, children, code, confirmLabel, isDanger = false, typeToConfirm, busy, error, help } = props;
  const { onConfirm, onClose } = props;
  const id = useId();
  const [typed, setTyped] = useState("");
  const ready = typeToConfirm === undefined || typed.trim() === typeToConfirm;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (ready && !busy) onConfirm();
  };
  return (
    <Modal isOpen variant="small" onClose={onClose} aria-labelledby={`${id}-title`} aria-describedby={`${id}-body`}>
      <ModalHeader
        title={title}
        labelId={`${id}-title`}
        help={help}
        {...(isDanger && { titleIconVariant: "warning" })}
      />
      <ModalBody id={`${id}-body`}>
        <div className="hf-stack">
          {error && <Alert component="p" variant="danger" isInline title={error} />}
          {children}
          <Form id={`${id}-form`} onSubmit={submit}>
            {typeToConfirm !== undefined && (
              <FormGroup label={t("confirm.type", { text: typeToConfirm })} fieldId={`${id}-typed`}>
                <TextInput id={`${id}-typed`} value={typed} onChange={(_event, value) => setTyped(value)} />
              </FormGroup>
            )}
          </Form>
          {code}
        </div>
      </ModalBody>
      <ModalFooter>
        <Button
          type="submit"
          form={`${id}-form`}
          variant={isDanger ? "danger" : "primary"}
          isDisabled={!ready || busy}
          isLoading={busy}
        >
          {confirmLabel}
        </Button>
        <Button variant="link" onClick={onClose}>
          {t("cancel")}
        </Button>
      </ModalFooter>
    </Modal>
  );
}
