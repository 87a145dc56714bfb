/** The part of noVNC's interface used here (its package has no types). Source: @novnc/novnc docs/API.md. */
declare module "@novnc/novnc" {
  interface Options {
    shared?: boolean;
    credentials?: { password?: string };
    wsProtocols?: string[];
  }

  interface Events {
    connect: CustomEvent;
    disconnect: CustomEvent<{ clean: boolean }>;
    securityfailure: CustomEvent<{ status: number; reason?: string }>;
    credentialsrequired: CustomEvent;
  }

  export default class RFB extends EventTarget {
    constructor(target: Element, url: string, options?: Options);
    scaleViewport: boolean;
    background: string;
    addEventListener<E extends keyof Events>(type: E, listener: (event: Events[E]) => void): void;
    disconnect(): void;
    focus(): void;
    sendKey(keysym: number, code: string, down: boolean): void;
  }
}
