import { FitAddon } from "@xterm/addon-fit";
import { Terminal as Xterm } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import { useEffect, useRef, useState } from "react";
import type { ConsoleTarget } from "../api/consoles";
import { t } from "../i18n";
import { errorText } from "../state/errorText";
import { ConsoleFrame, type ConsoleProps, type ConsoleState, HINT, socketUrl } from "./ConsoleFrame";
import { greeting, input, KEEP_ALIVE, readGreeting, size } from "./terminalProtocol";

const KEEP_ALIVE_MS = 30_000;

/** A text terminal. */
export default function Terminal({ open, choice }: ConsoleProps) {
  const screen = useRef<HTMLDivElement>(null);
  const terminal = useRef<Xterm | null>(null);
  const [state, setState] = useState<ConsoleState>({ phase: "connecting" });
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    const element = screen.current;
    if (!element) return;
    const xterm = new Xterm({ cursorBlink: true, fontFamily: "monospace", fontSize: 14, scrollback: 5000 });
    const fit = new FitAddon();
    xterm.loadAddon(fit);
    xterm.open(element);
    if (xterm.textarea) xterm.textarea.tabIndex = -1;
    xterm.textarea?.setAttribute("aria-describedby", HINT);
    terminal.current = xterm;
    const observer = new ResizeObserver(() => fit.fit());
    observer.observe(element);
    let live = true;
    let hangUp: () => void = () => undefined;
    setState({ phase: "connecting" });
    open().then(
      (target) => {
        if (live) hangUp = connect(target, xterm, (next) => live && setState(next));
      },
      (error: unknown) => live && setState({ phase: "closed", reason: errorText(error) }),
    );
    return () => {
      live = false;
      hangUp();
      observer.disconnect();
      terminal.current = null;
      xterm.dispose();
    };
  }, [open, attempt]);

  return (
    <ConsoleFrame
      state={state}
      choice={choice}
      screen={screen}
      onReconnect={() => setAttempt(attempt + 1)}
      onEnter={() => terminal.current?.focus()}
    />
  );
}

/** Join a socket and a terminal; returns what parts them. */
function connect(target: ConsoleTarget, xterm: Xterm, report: (state: ConsoleState) => void): () => void {
  const socket = new WebSocket(socketUrl(target.path), "binary");
  socket.binaryType = "arraybuffer";
  const timer = window.setInterval(() => agreed && socket.send(KEEP_ALIVE), KEEP_ALIVE_MS);
  let agreed = false;
  let waiting = new Uint8Array();
  const listeners = [
    xterm.onData((text) => agreed && socket.send(input(text))),
    xterm.onResize(({ cols, rows }) => agreed && socket.send(size(cols, rows))),
  ];

  socket.onopen = () => socket.send(greeting(target.user, target.ticket));
  socket.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
    const bytes = new Uint8Array(data);
    if (agreed) return xterm.write(bytes);
    waiting = new Uint8Array([...waiting, ...bytes]);
    const answer = readGreeting(waiting);
    if (!answer) return;
    if (!answer.ok) return socket.close();
    agreed = true;
    report({ phase: "connected" });
    socket.send(size(xterm.cols, xterm.rows));
    xterm.write(answer.rest);
    xterm.focus();
  };
  socket.onclose = ({ wasClean }) => {
    window.clearInterval(timer);
    report({ phase: "closed", reason: agreed ? (wasClean ? null : t("console.lost")) : t("console.refused") });
  };
  return () => {
    window.clearInterval(timer);
    for (const listener of listeners) listener.dispose();
    socket.close();
  };
}
