import { ExpandableSection } from "@patternfly/react-core";
import { lazy, Suspense, useState } from "react";
import { t } from "../../i18n";

const CallCode = lazy(() => import("./CallCode"));

interface Props {
  /** What the dialog would do now. It is only looked at. */
  order: () => unknown;
  /** What was typed into its password fields. */
  secrets?: readonly string[];
}

/** Folded away: the call that a dialog sends, for a shell. */
export function AsCode(props: Props) {
  const [open, setOpen] = useState(false);
  return (
    <ExpandableSection
      toggleText={t("asCode")}
      isExpanded={open}
      onToggle={(_event, expanded) => setOpen(expanded)}
      className="hf-as-code"
    >
      {open && (
        <Suspense fallback={null}>
          <CallCode {...props} />
        </Suspense>
      )}
    </ExpandableSection>
  );
}
