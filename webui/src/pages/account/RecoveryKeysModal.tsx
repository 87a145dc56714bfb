import { Alert, Button, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import { useState } from "react";
import { t } from "../../i18n";
import { dateTime } from "../../state/format";
import { usePlaceName } from "../common/usePlaceName";
import { HelpLink } from "../common/HelpLink";

interface Props {
  user: string;
  recoveryKeys: readonly string[];
  onClose: () => void;
}

/** The only time that the keys are seen: neither Escape nor a cross closes this, just the button that says so. */
export function RecoveryKeysModal({ user, recoveryKeys, onClose }: Props) {
  const place = usePlaceName();
  const [copied, setCopied] = useState(false);
  const [madeS] = useState(() => Date.now() / 1000);
  const copy = () => {
    void navigator.clipboard.writeText(`${recoveryKeys.join("\n")}\n`).then(() => setCopied(true));
  };
  return (
    <Modal isOpen variant="small" onEscapePress={() => undefined} aria-labelledby="recovery-keys-title">
      <ModalHeader title={t("recovery.keysTitle")} labelId="recovery-keys-title" help={<HelpLink topic="factors" />} />
      <ModalBody>
        <div className="hf-stack">
          <Alert component="p" variant="warning" isInline title={t("recovery.once")} />
          <section className="hf-print">
            <p>{t("recovery.for", { user, place: `${t("product")} ${place}`, time: dateTime(madeS) })}</p>
            <ol className="hf-recovery-keys hf-mono">
              {recoveryKeys.map((key) => (
                <li key={key}>{key}</li>
              ))}
            </ol>
          </section>
        </div>
      </ModalBody>
      <ModalFooter>
        <Button variant="primary" onClick={() => window.print()}>
          {t("recovery.print")}
        </Button>
        <Button variant="secondary" onClick={copy}>
          {t(copied ? "recovery.copied" : "recovery.copy")}
        </Button>
        <Button variant="link" onClick={onClose}>
          {t("recovery.close")}
        </Button>
      </ModalFooter>
    </Modal>
  );
}
