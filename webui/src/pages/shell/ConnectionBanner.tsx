import { Banner } from "@patternfly/react-core";
import { t } from "../../i18n";
import { useApp } from "../../state/app";
import { timeOfDay } from "../../state/format";
import { useStore } from "../../state/store";

/** Says that what is shown is old, for as long as the server does not answer. */
export function ConnectionBanner() {
  const { poller } = useApp();
  const { online, lastAnswerMs } = useStore(poller.connection);
  if (online) return null;
  const text =
    lastAnswerMs === null ? t("connection.lost") : t("connection.lostSince", { time: timeOfDay(lastAnswerMs) });
  return (
    <Banner status="warning" isSticky role="status" className="hf-banner">
      {text}
    </Banner>
  );
}
