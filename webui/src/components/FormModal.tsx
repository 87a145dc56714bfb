import { Alert, Button, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { t } from "../i18n";
import { type Field, FieldForm, type Values } from "./FieldForm";

interface Props {
  /** Prefix of the fields' ids. */
  id: string;
  title: string;
  /** Stands above the fields. */
  children?: ReactNode;
  /** Stands below them: the call that is sent, for a shell; null where that is none for API tokens. */
  code: ReactNode;
  /** Stands beside the title: the way to what tells more. */
  help?: ReactNode;
  fields: readonly Field[];
  values: Values;
  errors: Values;
  /** What is wrong but belongs to no field. */
  problems: readonly string[];
  busy: boolean;
  /** It cannot be sent; `children` say why. */
  blocked?: boolean;
  submitLabel: string;
  isDanger?: boolean;
  size?: "small" | "medium";
  onChange: (name: string, value: string) => void;
  onSubmit: () => void;
  onClose: () => void;
}

/** A form in its window. */
export function FormModal(props: Props) {
  const { id, title, children, code, fields, values, errors, problems, busy, submitLabel, help } = props;
  const { blocked = false, isDanger = false, size = "medium", onChange, onSubmit, onClose } = props;
  return (
    <Modal isOpen variant={size} onClose={onClose} aria-labelledby={`${id}-title`}>
      <ModalHeader
        title={title}
        labelId={`${id}-title`}
        help={help}
        {...(isDanger && { titleIconVariant: "warning" })}
      />
      <ModalBody>
        <div className="hf-stack">
          {problems.map((problem) => (
            <Alert component="p" key={problem} variant="danger" isInline isLiveRegion title={problem} />
          ))}
          {children}
          <FieldForm id={id} fields={fields} values={values} errors={errors} onChange={onChange} onSubmit={onSubmit} />
          {code}
        </div>
      </ModalBody>
      <ModalFooter>
        <Button
          type="submit"
          form={id}
          variant={isDanger ? "danger" : "primary"}
          isDisabled={busy || blocked}
          isLoading={busy}
        >
          {submitLabel}
        </Button>
        <Button variant="link" onClick={onClose}>
          {t("cancel")}
        </Button>
      </ModalFooter>
    </Modal>
  );
}
