import { Banner } from "@patternfly/react-core";
import { useEffect, useState } from "react";
import { t } from "../../i18n";
import { useApp } from "../../state/app";
import { timeOfDay } from "../../state/format";
import { useStore } from "../../state/store";

/** A stream that begins again within this time is no news. */
const GRACE_MS = 6000;

/** Says that what is shown is old, for as long as the server does not answer, and that news come late. */
export function ConnectionBanner() {
  const { poller } = useApp();
  const { online, lastAnswerMs } = useStore(poller.connection);
  const isLate = useLateNews();
  if (online && !isLate) return null;
  return (
    <Banner status={online ? "info" : "warning"} isSticky role="status" className="hf-banner">
      {online
        ? t("connection.noStream")
        : lastAnswerMs === null
          ? t("connection.lost")
          : t("connection.lostSince", { time: timeOfDay(lastAnswerMs) })}
    </Banner>
  );
}

/** Whether the event stream has been away for a while. */
function useLateNews(): boolean {
  const live = useStore(useApp().stream.live);
  const [late, setLate] = useState(false);
  useEffect(() => {
    setLate(false);
    if (live) return undefined;
    const timer = window.setTimeout(() => setLate(true), GRACE_MS);
    return () => window.clearTimeout(timer);
  }, [live]);
  return late;
}
