import { client } from "./client";
import { Fields } from "./wire";

/** What the server hands out at log-in. The ticket is opaque but for its user name. */
export interface Login {
  user: string;
  ticket: string;
  csrfToken: string;
  clusterName: string | null;
}

/** A second factor is asked for; the answer holds no usable ticket. */
export class SecondFactorNeeded extends Error {}

async function requestTicket(username: string, password: string, realm?: string): Promise<Login> {
  const params = { username, password, ...(realm ? { realm } : {}) };
  const answer = new Fields(await client.call("POST /access/ticket", params));
  if (answer.has("NeedTFA") || !answer.has("ticket")) throw new SecondFactorNeeded();
  return {
    user: answer.text("username"),
    ticket: answer.text("ticket"),
    csrfToken: answer.text("CSRFPreventionToken"),
    clusterName: answer.textOrNull("clustername"),
  };
}

/** `name` may carry its realm (`root@pam`), which then wins over the chosen one. */
export function logIn(name: string, password: string, realm: string): Promise<Login> {
  return requestTicket(name, password, name.includes("@") ? undefined : realm);
}

/** A valid ticket serves as the password of its own user: a new ticket, two hours from now. */
export function renew(user: string, ticket: string): Promise<Login> {
  return requestTicket(user, ticket);
}
