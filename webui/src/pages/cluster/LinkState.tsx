import { Label } from "@patternfly/react-core";
import type { Link, Member } from "../../api/membership";
import { t } from "../../i18n";
import { milliseconds, percent } from "../../state/format";

/** From this share of lost pings on a link is bad, and from the other on it is to be looked at. */
const LOSS_BAD = 0.05;
const LOSS_ODD = 0.01;
/** Clocks that differ more are told: tickets and second factors live by them. */
const CLOCK_ODD_S = 5;

/** How well the asked node hears another one. */
export function LinkState({ member }: { member: Member | undefined }) {
  if (!member) return null;
  if (member.local) return <span className="hf-subtle">{t("cluster.itself")}</span>;
  const { links, clockOffsetS } = member;
  return (
    <div className="hf-links">
      {links.map((link) => (
        <OneLink key={link.number} link={link} named={links.length > 1} />
      ))}
      {clockOffsetS !== null && Math.abs(clockOffsetS) > CLOCK_ODD_S && (
        <Label isCompact variant="outline" status="warning">
          {t("cluster.clockOff", { seconds: clockOffsetS.toFixed(1) })}
        </Label>
      )}
      {links.length === 0 && <span className="hf-subtle">{t("state.unknown")}</span>}
    </div>
  );
}

function OneLink({ link, named }: { link: Link; named: boolean }) {
  const { connected, loss, roundTripS } = link;
  const status = !connected || (loss ?? 0) >= LOSS_BAD ? "danger" : (loss ?? 0) >= LOSS_ODD ? "warning" : "success";
  const words = connected
    ? [
        roundTripS === null ? null : milliseconds(roundTripS),
        loss === null ? null : loss === 0 ? t("cluster.noLoss") : t("cluster.loss", { share: percent(loss) }),
      ].filter((word) => word !== null)
    : [t("cluster.linkDown")];
  if (words.length === 0) words.push(t("cluster.linkUp"));
  if (named) words.unshift(t("cluster.linkNumber", { n: link.number }));
  return (
    <Label isCompact variant="outline" status={status}>
      {words.join(", ")}
    </Label>
  );
}
