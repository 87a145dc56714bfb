/** What a join token says, read before it is used: whom this host would ask, and what must answer there. Pure. */
export interface ReadToken {
  addresses: readonly string[];
  /** SHA-256 of the certificate, `AB:CD:…`. */
  fingerprint: string;
}

const PREFIX = "hfj1.";

/** null for what is no token. */
export function readJoinToken(word: string): ReadToken | null {
  const body = word.trim();
  if (!body.startsWith(PREFIX)) return null;
  try {
    const said = JSON.parse(atob(body.slice(PREFIX.length).replaceAll("-", "+").replaceAll("_", "/"))) as {
      a: unknown;
      f: unknown;
    };
    const addresses = Array.isArray(said.a) ? said.a.map(String) : [];
    const print = /^[0-9a-f]{64}$/i.exec(String(said.f))?.[0];
    if (addresses.length === 0 || !print) return null;
    return { addresses, fingerprint: (print.toUpperCase().match(/../g) ?? []).join(":") };
  } catch {
    return null;
  }
}
