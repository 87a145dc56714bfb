import type { Listener, LiveEvent } from "../api/events";
import { Store } from "./store";

/** What pages of a browser say to each other. */
interface Told {
  event?: LiveEvent;
  live?: boolean;
  /** A page has come and does not know whether news arrive. */
  asks?: true;
}

export interface StreamEdge {
  isHidden(): boolean;
  /** Calls `begin` once no other page of this browser has the name; its answer is called when the name is given up. */
  lead(name: string, begin: () => () => void): () => void;
  /** What one page sends, the others hear. */
  channel(name: string, hear: (told: Told) => void): { send(told: Told): void; close(): void };
  /** The server's stream. */
  listen(listener: Listener): () => void;
}

/**
 * One event stream per browser: of the pages that are looked at, one listens to the server and tells the others. When
 * it goes, the next one takes its place.
 *
 * No SharedWorker: Chromium lets a page use a certificate that the user has accepted by hand, as most do on their own
 * hosts, but not a worker's requests; there the stream would never begin.
 */
export class EventStream {
  /** Whether news arrive by themselves. */
  readonly live = new Store(false);
  private user: string | null = null;
  private leave: (() => void) | null = null;

  constructor(
    private readonly edge: StreamEdge,
    private readonly onEvent: (event: LiveEvent) => void,
  ) {}

  /** Pages of different users share nothing. */
  start(user: string): void {
    this.stop();
    this.user = user;
    this.looked();
  }

  stop(): void {
    this.user = null;
    this.looked();
  }

  /** To be called when the page is shown or hidden: a hidden page may be put to sleep, and must not be the one. */
  looked(): void {
    const wanted = this.user !== null && !this.edge.isHidden();
    if (wanted && !this.leave) this.leave = this.join(`holdfast.events.${this.user}`);
    if (!wanted && this.leave) {
      this.leave();
      this.leave = null;
      this.live.set(false);
    }
  }

  private join(name: string): () => void {
    let leading = false;
    const channel = this.edge.channel(name, (told) => {
      if (leading) {
        if (told.asks) channel.send({ live: this.live.get() });
        return;
      }
      if (told.live !== undefined) this.live.set(told.live);
      if (told.event) this.onEvent(told.event);
    });
    const resign = this.edge.lead(name, () => {
      leading = true;
      this.live.set(false);
      return this.edge.listen({
        onLive: (live) => {
          this.live.set(live);
          channel.send({ live });
        },
        onEvent: (event) => {
          this.onEvent(event);
          channel.send({ event });
        },
      });
    });
    if (!leading) channel.send({ asks: true });
    return () => {
      resign();
      if (leading) channel.send({ live: false });
      channel.close();
    };
  }
}
