import { Alert, Button, ClipboardCopy, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import { type ReactNode, useId } from "react";
import { t } from "../i18n";

interface Props {
  title: string;
  /** What they are the secrets of. */
  about: string;
  warning: string;
  /** Stands beside the title: the way to what tells more. */
  help?: ReactNode;
  /** Each to be copied; the label stands above it where there are several. */
  secrets: readonly { label: string; value: string }[];
  /** Stands below them. */
  children?: ReactNode;
  onClose: () => void;
}

/** What the server tells once: this is the only place to copy it from. */
export function SecretModal({ title, about, warning, help, secrets, children, onClose }: Props) {
  const id = useId();
  return (
    <Modal isOpen variant="small" onClose={onClose} aria-labelledby={id}>
      <ModalHeader title={title} labelId={id} description={about} help={help} />
      <ModalBody>
        <div className="hf-stack">
          <Alert component="p" variant="warning" isInline title={warning} />
          {secrets.map(({ label, value }, i) => (
            <div key={label}>
              {i > 0 && <p>{label}</p>}
              <ClipboardCopy hoverTip={t("copy")} clickTip={t("copied")} isReadOnly textAriaLabel={label}>
                {value}
              </ClipboardCopy>
            </div>
          ))}
          {children}
        </div>
      </ModalBody>
      <ModalFooter>
        <Button onClick={onClose}>{t("close")}</Button>
      </ModalFooter>
    </Modal>
  );
}
