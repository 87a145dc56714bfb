import { Progress, ProgressMeasureLocation, ProgressVariant } from "@patternfly/react-core";

interface Props {
  label: string;
  /** Where the place of the bar says it, as a column does. */
  isLabelHidden?: boolean;
  /** 0…1 */
  fraction: number;
  /** What the bar says in words, e.g. "1.2 GiB of 4 GiB". */
  text: string;
}

const WARNING_FROM = 0.85;
const DANGER_FROM = 0.95;

export function UsageBar({ label, isLabelHidden = false, fraction, text }: Props) {
  const variant =
    fraction >= DANGER_FROM ? ProgressVariant.danger : fraction >= WARNING_FROM ? ProgressVariant.warning : undefined;
  return (
    <div className="hf-usage">
      <div className="hf-usage-text">
        <span>{!isLabelHidden && label}</span>
        <span>{text}</span>
      </div>
      <Progress
        aria-label={label}
        valueText={text}
        value={Math.round(fraction * 100)}
        measureLocation={ProgressMeasureLocation.none}
        size="sm"
        variant={variant}
      />
    </div>
  );
}
