import { describe, expect, test, vi } from "vitest";
import { ApiError } from "../api/client";
import { type Login, SecondFactorNeeded } from "../api/access";
import { Session, type SessionEdge } from "./session";
import { ticketCookie, ticketFromCookies, userOfTicket } from "./ticket";

const TICKET = "PVE:root@pam:6B002DF2::c2ln/bmF0dXJl==";
const login = (ticket = TICKET): Login => ({ user: "root@pam", ticket, csrfToken: "csrf", clusterName: null });

describe("ticket cookie", () => {
  test("what is stored is found again among others", () => {
    const stored = ticketCookie(TICKET).split(";")[0];
    expect(ticketFromCookies(`a=b; ${stored}; c=d`)).toBe(TICKET);
    expect(ticketCookie(TICKET)).toMatch(/; path=\/; secure; samesite=lax$/);
  });

  test("none, and a removed one", () => {
    expect(ticketFromCookies("")).toBeNull();
    expect(ticketFromCookies("PVEAuthCookie=")).toBeNull();
    expect(ticketCookie(null)).toContain("max-age=0");
  });

  test("the user of a full ticket only", () => {
    expect(userOfTicket(TICKET)).toBe("root@pam");
    expect(userOfTicket("PVE:!tfa!%7B%7D:6B002DF2::sig")).toBeNull();
    expect(userOfTicket("rubbish")).toBeNull();
  });
});

describe("Session", () => {
  function make(cookies = "") {
    const edge = {
      cookies,
      now: 1000,
      logIn: vi.fn(() => Promise.resolve(login())),
      completeLogIn: vi.fn(() => Promise.resolve(login())),
      renew: vi.fn(() => Promise.resolve(login("PVE:root@pam:6B003DF2::new"))),
      setCsrfToken: vi.fn(),
      getCookies: () => edge.cookies,
      setCookie: (text: string) => (edge.cookies = text.split(";")[0] ?? ""),
      nowMs: () => edge.now,
    };
    return { edge, session: new Session(edge satisfies SessionEdge) };
  }
  const cookie = ticketCookie(TICKET).split(";")[0];

  test("without a cookie nobody is logged in", async () => {
    const { session, edge } = make();
    await session.resume();
    expect(session.get()).toEqual({ status: "anonymous", reason: "none" });
    expect(edge.renew).not.toHaveBeenCalled();
  });

  test("a cookie is exchanged for a new ticket and a CSRF token", async () => {
    const { session, edge } = make(cookie);
    await session.resume();
    expect(edge.renew).toHaveBeenCalledWith("root@pam", TICKET);
    expect(session.get()).toMatchObject({ status: "active", user: "root@pam" });
    expect(ticketFromCookies(edge.cookies)).toBe("PVE:root@pam:6B003DF2::new");
    expect(edge.setCsrfToken).toHaveBeenLastCalledWith("csrf");
  });

  test("an old cookie ends as expired; a server that is away does not", async () => {
    const refused = make(cookie);
    refused.edge.renew.mockRejectedValueOnce(new ApiError(401, "authentication failure"));
    await refused.session.resume();
    expect(refused.session.get()).toEqual({ status: "anonymous", reason: "expired" });
    const away = make(cookie);
    away.edge.renew.mockRejectedValueOnce(new ApiError(0, "no answer"));
    await expect(away.session.resume()).rejects.toThrow("no answer");
    expect(away.session.get()).toEqual({ status: "starting" });
  });

  test("a second step ends the log-in; until then nobody is logged in", async () => {
    const { session, edge } = make();
    const challenge = { user: "root@pam", ticket: "half", totp: true, recoveryKeys: 0, webauthn: null };
    edge.logIn.mockRejectedValueOnce(new SecondFactorNeeded(challenge));
    await expect(session.logIn("root", "secret", "pam")).rejects.toMatchObject({ challenge });
    expect(session.get()).toEqual({ status: "starting" });
    await session.completeLogIn(challenge, "totp", "123456");
    expect(edge.completeLogIn).toHaveBeenCalledWith(challenge, "totp", "123456");
    expect(session.get()).toMatchObject({ status: "active", user: "root@pam" });
  });

  test("is renewed once when due, and tried again after a failure", async () => {
    const { session, edge } = make();
    await session.logIn("root", "secret", "pam");
    edge.now += 29 * 60_000;
    await session.renewIfDue();
    expect(edge.renew).not.toHaveBeenCalled();
    edge.now += 2 * 60_000;
    edge.renew.mockRejectedValueOnce(new ApiError(502, "away"));
    await session.renewIfDue();
    expect(session.get().status).toBe("active");
    await Promise.all([session.renewIfDue(), session.renewIfDue()]);
    expect(edge.renew).toHaveBeenCalledTimes(2);
  });

  test("log-out in one tab ends the others at their next renewal", async () => {
    const { session, edge } = make();
    await session.logIn("root", "secret", "pam");
    edge.cookies = "";
    edge.now += 31 * 60_000;
    await session.renewIfDue();
    expect(session.get()).toEqual({ status: "anonymous", reason: "logged-out" });
  });

  test("log-out forgets the ticket and the token", async () => {
    const { session, edge } = make();
    await session.logIn("root", "secret", "pam");
    session.logOut();
    expect(ticketFromCookies(edge.cookies)).toBeNull();
    expect(edge.setCsrfToken).toHaveBeenLastCalledWith("");
    session.expire();
    expect(session.get()).toEqual({ status: "anonymous", reason: "logged-out" });
  });
});
