import { ApiError } from "../api/client";
import type { Challenge, FactorKind, Login } from "../api/access";
import { Store } from "./store";
import { ticketCookie, ticketFromCookies, userOfTicket } from "./ticket";

export type SessionState =
  | { status: "starting" }
  | { status: "anonymous"; reason: "none" | "expired" | "logged-out" }
  | { status: "active"; user: string; clusterName: string | null };

export interface SessionEdge {
  logIn(name: string, password: string, realm: string): Promise<Login>;
  completeLogIn(challenge: Challenge, kind: FactorKind, value: string): Promise<Login>;
  renew(user: string, ticket: string): Promise<Login>;
  setCsrfToken(token: string): void;
  getCookies(): string;
  setCookie(text: string): void;
  nowMs(): number;
}

/** A ticket lives two hours; renewing this often leaves three more attempts when the server is away for a while. */
const RENEW_AFTER_MS = 30 * 60 * 1000;

/**
 * Who is logged in. A page load starts from the cookie alone: the server then gives a new ticket for the old one,
 * which also brings the CSRF token, so nothing secret is stored beside the cookie.
 */
export class Session extends Store<SessionState> {
  private renewedMs = 0;
  private renewing: Promise<void> | null = null;

  constructor(private readonly edge: SessionEdge) {
    super({ status: "starting" });
  }

  /** Take up the session of the cookie, if there is one. Throws ApiError while the server is away. */
  async resume(): Promise<void> {
    const ticket = ticketFromCookies(this.edge.getCookies());
    const user = ticket && userOfTicket(ticket);
    if (!ticket || !user) return this.set({ status: "anonymous", reason: "none" });
    try {
      this.accept(await this.edge.renew(user, ticket));
    } catch (error) {
      if (error instanceof ApiError && error.offline) throw error;
      this.end("expired");
    }
  }

  /** Throws SecondFactorNeeded, with the challenge for `completeLogIn`, where the password alone is not enough. */
  async logIn(name: string, password: string, realm: string): Promise<void> {
    this.accept(await this.edge.logIn(name, password, realm));
  }

  async completeLogIn(challenge: Challenge, kind: FactorKind, value: string): Promise<void> {
    this.accept(await this.edge.completeLogIn(challenge, kind, value));
  }

  logOut(): void {
    this.end("logged-out");
  }

  /** The server refused the ticket. */
  expire(): void {
    if (this.get().status === "active") this.end("expired");
  }

  /** Called on every turn of the poller; a failure is tried again on the next one. */
  renewIfDue(): Promise<void> {
    const state = this.get();
    if (state.status !== "active" || this.edge.nowMs() - this.renewedMs < RENEW_AFTER_MS) return Promise.resolve();
    this.renewing ??= this.renewNow(state.user).finally(() => (this.renewing = null));
    return this.renewing;
  }

  private async renewNow(user: string): Promise<void> {
    const ticket = ticketFromCookies(this.edge.getCookies());
    if (ticket === null) return this.end("logged-out"); // by another tab
    try {
      this.accept(await this.edge.renew(user, ticket));
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) this.end("expired");
    }
  }

  private accept(login: Login): void {
    this.edge.setCookie(ticketCookie(login.ticket));
    this.edge.setCsrfToken(login.csrfToken);
    this.renewedMs = this.edge.nowMs();
    const now = this.get();
    const same = now.status === "active" && now.user === login.user && now.clusterName === login.clusterName;
    if (!same) this.set({ status: "active", user: login.user, clusterName: login.clusterName });
  }

  private end(reason: "expired" | "logged-out"): void {
    this.edge.setCookie(ticketCookie(null));
    this.edge.setCsrfToken("");
    this.set({ status: "anonymous", reason });
  }
}
