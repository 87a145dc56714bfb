import { Component, type ReactNode, useEffect, useRef } from "react";
import { Failed } from "../../components/States";
import { t } from "../../i18n";
import { useApp } from "../../state/app";
import { useStore } from "../../state/store";

interface Props {
  /** Whatever was wrong is tried again at another one. */
  place: string;
  children: ReactNode;
}

/**
 * Around what is loaded when it is opened: the server may be away just then, or have another version than the page. (A
 * class, since React has nothing else for it, and PatternFly's own part is in an extension.)
 */
export class PartBoundary extends Component<Props, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override componentDidUpdate(before: Props) {
    if (this.state.failed && before.place !== this.props.place) this.setState({ failed: false });
  }

  override render() {
    return this.state.failed ? <NotShown /> : this.props.children;
  }
}

const reload = () => window.location.reload();

function NotShown() {
  const { online } = useStore(useApp().poller.connection);
  const wasAway = useRef(false);
  useEffect(() => {
    if (!online) wasAway.current = true;
    else if (wasAway.current) reload();
  }, [online]);
  return <Failed isPage text={t("part.notShown")} onRetry={reload} />;
}
