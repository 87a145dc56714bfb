import { listen } from "../api/events";
import type { StreamEdge } from "./eventStream";

/** Pages find out by a lock who listens, and talk over a broadcast channel. Without locks each listens for itself. */
export const browserEdge: StreamEdge = { isHidden: () => document.hidden, listen, lead, channel };

function lead(name: string, begin: () => () => void): () => void {
  if (!("locks" in navigator)) return begin();
  const waiting = new AbortController();
  let end: () => void = () => undefined;
  const held = () =>
    new Promise<void>((release) => {
      if (waiting.signal.aborted) return release();
      const close = begin();
      end = () => {
        close();
        release();
      };
    });
  navigator.locks.request(name, { signal: waiting.signal }, held).catch(() => {
    if (!waiting.signal.aborted) end = begin(); // the browser gives no locks to this page
  });
  return () => {
    waiting.abort();
    end();
  };
}

function channel(name: string, hear: Parameters<StreamEdge["channel"]>[1]): ReturnType<StreamEdge["channel"]> {
  const shared = new BroadcastChannel(name);
  shared.onmessage = ({ data }: MessageEvent<Parameters<typeof hear>[0]>) => hear(data);
  return { send: (told) => shared.postMessage(told), close: () => shared.close() };
}
