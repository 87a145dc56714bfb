import { Alert, AlertActionLink, Button, Spinner } from "@patternfly/react-core";
import ExpandIcon from "@patternfly/react-icons/dist/esm/icons/expand-icon";
import KeyboardIcon from "@patternfly/react-icons/dist/esm/icons/keyboard-icon";
import { type KeyboardEvent, type ReactNode, type Ref, useRef } from "react";
import type { ConsoleTarget } from "../api/consoles";
import { t } from "../i18n";
import { isLeaveKey, LEAVE_KEY } from "./leaveKey";

/** Id of the words about the keyboard, which describe what takes it. */
export const HINT = "console-hint";

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
  /** Gives the console the keyboard. */
  onEnter: () => void;
  /** The keyboard was taken from it while these keys were held. */
  onLeave?: () => void;
}

/**
 * What both consoles have around the screen: state, reconnect, full screen, and the way of the keyboard into the console
 * and out of it. The screen is no stop of the Tab key: who comes by stays outside.
 */
export function ConsoleFrame({ state, onReconnect, choice, actions, screen, onEnter, onLeave }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const enter = useRef<HTMLButtonElement>(null);
  const leave = (event: KeyboardEvent) => {
    if (!isLeaveKey(event)) return;
    event.preventDefault();
    event.stopPropagation();
    onLeave?.();
    enter.current?.focus();
  };
  return (
    <div className="hf-console-frame" ref={frame} data-phase={state.phase}>
      <div className="hf-console-bar">
        {choice}
        {actions}
        <Button
          ref={enter}
          variant="control"
          size="sm"
          icon={<KeyboardIcon />}
          aria-describedby={HINT}
          onClick={onEnter}
        >
          {t("console.enter")}
        </Button>
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
      <div className="hf-console-screen" ref={screen} onKeyDownCapture={leave} />
      <p className="hf-subtle" id={HINT}>
        {t("console.keys", { key: LEAVE_KEY })}
      </p>
    </div>
  );
}

/** Path of a websocket on this server -> its address. */
export function socketUrl(path: string): string {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
}
