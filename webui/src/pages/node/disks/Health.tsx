import { Label } from "@patternfly/react-core";
import { t } from "../../../i18n";
import { type Judgement, judgeHealth, judgeWear } from "../../../state/disks";

interface Props {
  health: string;
  lifeLeft: number | null;
}

/** What a disk says of itself; what is bad stands out. */
export function Health({ health, lifeLeft }: Props) {
  return (
    <span className="hf-marks">
      <Word judgement={judgeHealth(health)} text={health} />
      {lifeLeft !== null && <Word judgement={judgeWear(lifeLeft)} text={t("disk.lifeLeft", { left: lifeLeft })} />}
    </span>
  );
}

/** A word, marked as what it says. */
export function Word({ judgement, text }: { judgement: Judgement; text: string }) {
  if (judgement === null) return <span>{text}</span>;
  return (
    <Label isCompact status={judgement}>
      {text}
    </Label>
  );
}
