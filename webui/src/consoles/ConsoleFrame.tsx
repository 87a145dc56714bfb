import { Alert, AlertActionLink, Button, Spinner } from "@patternfly/react-core";
import ExpandIcon from "@patternfly/react-icons/dist/esm/icons/expand-icon";
import { type ReactNode, type Ref, useRef } from "react";
import type { ConsoleTarget } from "../api/consoles";
import { t } from "../i18n";

export type ConsoleState = { phase: "connecting" | "connected" } | { phase: "closed"; reason: string | null };

export interface ConsoleProps {
  /** Called for each connection, since a ticket serves only once. */
  open: () => Promise<ConsoleTarget>;
  /** What the page puts before the buttons. */
  choice: ReactNode;
}

interface Props {
  state: ConsoleState;
  onReconnect: () => void;
  /** What the page puts before the buttons. */
  choice: ReactNode;
  /** Buttons of this kind of console. */
  actions?: ReactNode;
  /** Where the console draws. */
  screen: Ref<HTMLDivElement>;
}

/** What both consoles have around the screen: state, reconnect, full screen. */
export function ConsoleFrame({ state, onReconnect, choice, actions, screen }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  return (
    <div className="hf-console-frame" ref={frame} data-phase={state.phase}>
      <div className="hf-console-bar">
        {choice}
        {actions}
        <Button
          variant="control"
          size="sm"
          icon={<ExpandIcon />}
          onClick={() =>
            void (document.fullscreenElement ? document.exitFullscreen() : frame.current?.requestFullscreen())
          }
        >
          {t("console.fullscreen")}
        </Button>
        {state.phase === "connecting" && (
          <span className="hf-console-phase">
            <Spinner size="md" aria-hidden /> {t("console.connecting")}
          </span>
        )}
      </div>
      {state.phase === "closed" && (
        <Alert
          component="p"
          isInline
          variant={state.reason ? "danger" : "info"}
          title={t("console.closed")}
          actionLinks={<AlertActionLink onClick={onReconnect}>{t("console.reconnect")}</AlertActionLink>}
        >
          {state.reason}
        </Alert>
      )}
      <div className="hf-console-screen" ref={screen} />
    </div>
  );
}

/** Path of a websocket on this server -> its address. */
export function socketUrl(path: string): string {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
}
