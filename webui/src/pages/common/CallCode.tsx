import { CodeBlock, CodeBlockAction, CodeBlockCode, ClipboardCopyButton } from "@patternfly/react-core";
import { useId, useState } from "react";
import { client } from "../../api/client";
import { t } from "../../i18n";
import { asCode } from "../../state/asCode";

interface Props {
  order: () => unknown;
  secrets?: readonly string[];
}

/** The call that an order begins with, as commands to copy. */
export default function CallCode({ order, secrets = [] }: Props) {
  const call = client.firstCall(order);
  if (!call) return <p className="hf-subtle">{t("asCode.incomplete")}</p>;
  const { curl, pvesh, leftOut } = asCode(call, window.location.origin, secrets.filter(Boolean));
  return (
    <div className="hf-stack">
      <Command title={t("asCode.curl")} text={curl} />
      {pvesh !== null && <Command title={t("asCode.pvesh")} text={pvesh} />}
      {leftOut.length > 0 && <p className="hf-subtle">{t("asCode.leftOut", { names: leftOut.join(", ") })}</p>}
    </div>
  );
}

function Command({ title, text }: { title: string; text: string }) {
  const id = useId();
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
  };
  const head = (
    <>
      <span className="hf-grow hf-subtle">{title}</span>
      <CodeBlockAction>
        <ClipboardCopyButton
          id={id}
          variant="plain"
          aria-label={t("asCode.copy", { title })}
          onClick={() => void copy()}
          onTooltipHidden={() => setCopied(false)}
        >
          {t(copied ? "copied" : "copy")}
        </ClipboardCopyButton>
      </CodeBlockAction>
    </>
  );
  return (
    <CodeBlock actions={head} className="hf-code">
      <CodeBlockCode>{text}</CodeBlockCode>
    </CodeBlock>
  );
}
