import styles from "@patternfly/react-styles/css/components/Label/label";
import { css } from "@patternfly/react-styles";
import type { ReactNode } from "react";

interface Props {
  color: "green" | "orange" | "grey";
  icon: ReactNode;
  children: ReactNode;
}

const COLOURS = { green: styles.modifiers.green, orange: styles.modifiers.orange, grey: "" };

/** PatternFly's compact outlined label, without its looking whether the text fits: that lays the page out once for each,
 * half of the time that scrolling a long list takes. */
export function Pill({ color, icon, children }: Props) {
  return (
    <span className={css(styles.label, styles.modifiers.compact, styles.modifiers.outline, COLOURS[color])}>
      <span className={styles.labelContent}>
        <span className={styles.labelIcon}>{icon}</span>
        <span className={styles.labelText}>{children}</span>
      </span>
    </span>
  );
}
