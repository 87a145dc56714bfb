import RFB from "@novnc/novnc";
import { useEffect, useRef, useState } from "react";
import { t } from "../i18n";
import { errorText } from "../state/errorText";
import { ConsoleFrame, type ConsoleProps, type ConsoleState, socketUrl } from "./ConsoleFrame";
import { typeCombo } from "./keyCombos";
import { KeyMenu } from "./KeyMenu";

/** The keys of Ctrl+Shift with their X11 symbols (keysymdef.h). */
const MODIFIERS = [
  ["ControlLeft", 0xffe3],
  ["ControlRight", 0xffe4],
  ["ShiftLeft", 0xffe1],
  ["ShiftRight", 0xffe2],
] as const;

/** A screen over VNC. */
export default function Vnc({ open, choice }: ConsoleProps) {
  const screen = useRef<HTMLDivElement>(null);
  const session = useRef<RFB | null>(null);
  const [state, setState] = useState<ConsoleState>({ phase: "connecting" });
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    let live = true;
    let rfb: RFB | null = null;
    let reason: string | null = null;
    const closed = (text: string | null) => live && setState({ phase: "closed", reason: text });
    setState({ phase: "connecting" });
    open().then(
      (target) => {
        if (!live || !screen.current) return;
        rfb = new RFB(screen.current, socketUrl(target.path), {
          shared: true,
          credentials: { password: target.password },
          wsProtocols: ["binary"],
        });
        session.current = rfb;
        rfb.scaleViewport = true;
        rfb.background = "transparent";
        rfb.addEventListener("connect", () => {
          if (!live) return;
          setState({ phase: "connected" });
          hideOwnPointers();
          rfb?.focus();
        });
        rfb.addEventListener("securityfailure", ({ detail }) => (reason = detail.reason ?? t("console.refused")));
        rfb.addEventListener("disconnect", ({ detail }) => closed(reason ?? (detail.clean ? null : t("console.lost"))));
      },
      (error: unknown) => closed(errorText(error)),
    );
    return () => {
      live = false;
      session.current = null;
      rfb?.disconnect();
    };
  }, [open, attempt]);

  return (
    <ConsoleFrame
      state={state}
      choice={choice}
      screen={screen}
      onReconnect={() => setAttempt(attempt + 1)}
      onEnter={() => session.current?.focus()}
      onLeave={() => session.current && releaseModifiers(session.current)}
      actions={
        <KeyMenu
          isDisabled={state.phase !== "connected"}
          onChoose={(combo) => {
            const rfb = session.current;
            if (!rfb) return;
            typeCombo(combo, (keysym, code, down) => rfb.sendKey(keysym, code, down));
            rfb.focus();
          }}
        />
      }
    />
  );
}

/** The guest saw them go down, but will not see them come up. */
function releaseModifiers(rfb: RFB) {
  for (const [code, keysym] of MODIFIERS) rfb.sendKey(keysym, code, false);
}

/** On touch screens noVNC draws the pointer on a canvas beside the page: it says nothing to readers of the screen. */
function hideOwnPointers() {
  for (const canvas of document.body.querySelectorAll(":scope > canvas")) canvas.ariaHidden = "true";
}
