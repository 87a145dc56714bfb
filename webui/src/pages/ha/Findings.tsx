import { Alert } from "@patternfly/react-core";
import type { Finding } from "../../api/ha";
import { t } from "../../i18n";

const VARIANT = { error: "danger", warning: "warning", info: "info" } as const;

/** Each with its next step, the gravest first. */
export function Findings({ findings, none }: { findings: readonly Finding[]; none: string }) {
  if (findings.length === 0) return <p className="hf-subtle">{none}</p>;
  return (
    <div className="hf-findings">
      {findings.map(({ severity, subject, text, advice }) => (
        <Alert
          component="p"
          key={`${subject} ${text}`}
          variant={VARIANT[severity]}
          isInline
          isPlain
          title={text}
          className="hf-break"
        >
          {t("ha.advice", { advice })}
        </Alert>
      ))}
    </div>
  );
}
