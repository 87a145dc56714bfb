import { client } from "./client";
import type { KeyRequest } from "./webauthn";
import { Fields, rows } from "./wire";

/** What the server hands out at log-in. The ticket is opaque but for its user name. */
export interface Login {
  user: string;
  ticket: string;
  csrfToken: string;
  clusterName: string | null;
}

/** The first step was right and a second one is asked for. `ticket` is a half one: good for that step alone. */
export interface Challenge {
  user: string;
  ticket: string;
  totp: boolean;
  /** How many recovery keys are left. */
  recoveryKeys: number;
  webauthn: KeyRequest | null;
}

export type FactorKind = "totp" | "recovery" | "webauthn";

/** Thrown by a log-in that needs its second step. */
export class SecondFactorNeeded extends Error {
  constructor(readonly challenge: Challenge) {
    super("a second factor is needed");
  }
}

export interface Realm {
  id: string;
  type: string;
  comment: string;
  isDefault: boolean;
}

/** What a half ticket (`PVE:!tfa!<JSON>:<time>::<signature>`, colons in the JSON escaped) says of the user's factors. */
export function parseChallenge(user: string, ticket: string): Challenge {
  const [, escaped = "{}"] = /^PVE:!tfa!([^:]*):/.exec(ticket) ?? [];
  let told: unknown = {};
  try {
    told = JSON.parse(escaped.replaceAll(/%3A/gi, ":").replaceAll("%25", "%"));
  } catch {
    // a form that this page does not know: then no factor can be offered, and the page says so
  }
  const wire = new Fields(told);
  const key = wire.sub("webauthn");
  return {
    user,
    ticket,
    totp: wire.bool("totp"),
    recoveryKeys: wire.list("recovery").length,
    webauthn: key.has("publicKey") ? (key.entries().find(([name]) => name === "publicKey")?.[1] as KeyRequest) : null,
  };
}

interface TicketRequest {
  username: string;
  password: string;
  realm?: string;
  "tfa-challenge"?: string;
}

async function requestTicket(params: TicketRequest): Promise<Login> {
  const answer = new Fields(await client.call("POST /access/ticket", params));
  const [user, ticket] = [answer.text("username"), answer.text("ticket")];
  if (answer.bool("NeedTFA")) throw new SecondFactorNeeded(parseChallenge(user, ticket));
  return {
    user,
    ticket,
    csrfToken: answer.text("CSRFPreventionToken"),
    clusterName: answer.textOrNull("clustername"),
  };
}

/** `name` may carry its realm (`root@pam`), which then wins over the chosen one. */
export function logIn(name: string, password: string, realm: string): Promise<Login> {
  return requestTicket({ username: name, password, ...(name.includes("@") ? {} : { realm }) });
}

/** The second step. A wrong answer is a 401; the challenge may then be tried again, for five minutes in all. */
export function completeLogIn(challenge: Challenge, kind: FactorKind, value: string): Promise<Login> {
  return requestTicket({
    username: challenge.user,
    password: `${kind}:${value}`,
    "tfa-challenge": challenge.ticket,
  });
}

/** A valid ticket serves as the password of its own user: a new ticket, two hours from now. */
export function renew(user: string, ticket: string): Promise<Login> {
  return requestTicket({ username: user, password: ticket });
}

/** Does this server take log-ins from realms of a type? Directories and OpenID can be set up, but log-in is not built. */
export const takesLogIn = (type: string): boolean => type === "pam" || type === "pve";

/** The realms, told to anybody. */
export async function getRealms(): Promise<Realm[]> {
  return rows(await client.call("GET /access/domains", {})).map((wire) => ({
    id: wire.text("realm"),
    type: wire.text("type"),
    comment: wire.text("comment"),
    isDefault: wire.bool("default"),
  }));
}

/** `confirmation` is the present password; root@pam needs none. */
export async function changePassword(user: string, password: string, confirmation: string): Promise<void> {
  const params = { userid: user, password, "confirmation-password": confirmation || undefined };
  await client.call("PUT /access/password", params);
}
