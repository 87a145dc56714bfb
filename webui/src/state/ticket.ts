/** The log-in ticket in the browser: one cookie, shared by all tabs, gone when the browser closes. */

const COOKIE = "PVEAuthCookie";

/** The ticket in a `document.cookie` text, or null. */
export function ticketFromCookies(cookies: string): string | null {
  for (const part of cookies.split(";")) {
    const [name, ...value] = part.trim().split("=");
    if (name === COOKIE && value.join("=") !== "") return decodeURIComponent(value.join("="));
  }
  return null;
}

/** The cookie text that stores a ticket; null removes it. Not HttpOnly: the page itself renews and drops it. */
export function ticketCookie(ticket: string | null): string {
  const attributes = "path=/; secure; samesite=lax";
  if (ticket === null) return `${COOKIE}=; ${attributes}; max-age=0`;
  return `${COOKIE}=${encodeURIComponent(ticket)}; ${attributes}`;
}

/** The user a ticket is for (`PVE:<user@realm>:<time>::<signature>`), or null where it is no full ticket. */
export function userOfTicket(ticket: string): string | null {
  const match = /^PVE:([^:!]+@[^:]+):[0-9A-F]{8}::/i.exec(ticket);
  return match?.[1] ? decodeURIComponent(match[1]) : null;
}
