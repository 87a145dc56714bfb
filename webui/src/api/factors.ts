/** Second factors of a user. Every change asks for the caller's own password, unless the caller is root@pam. */
import { client } from "./client";
import type { KeyCreation } from "./webauthn";
import { Fields, rows } from "./wire";

export interface Factor {
  id: string;
  /** totp, recovery, webauthn; in files from elsewhere also u2f and yubico, which can only be removed. */
  type: string;
  description: string;
  createdS: number;
  enabled: boolean;
}

/** Left out of the request where it is empty. */
const proof = (password: string) => ({ password: password || undefined });

export async function getFactors(user: string): Promise<Factor[]> {
  return rows(await client.call("GET /access/tfa/{userid}", { userid: user })).map((wire) => ({
    id: wire.text("id"),
    type: wire.text("type"),
    description: wire.text("description"),
    createdS: wire.num("created"),
    enabled: !wire.has("enable") || wire.bool("enable"),
  }));
}

interface NewTotp {
  description: string;
  /** otpauth:// with the shared secret. */
  uri: string;
  /** What the app shows now: the server stores no secret that the app does not have. */
  code: string;
  password: string;
}

export async function addTotp(user: string, { description, uri, code, password }: NewTotp): Promise<void> {
  const params = { userid: user, type: "totp" as const, description, totp: uri, value: code, ...proof(password) };
  await client.call("POST /access/tfa/{userid}", params);
}

/** Ten keys, told this once. */
export async function addRecoveryKeys(user: string, password: string): Promise<string[]> {
  const params = { userid: user, type: "recovery" as const, ...proof(password) };
  return new Fields(await client.call("POST /access/tfa/{userid}", params)).list("recovery");
}

/** First half of a registration: what the security key is to sign. */
export async function beginKey(user: string, password: string): Promise<KeyCreation> {
  const params = { userid: user, type: "webauthn" as const, ...proof(password) };
  const answer = new Fields(await client.call("POST /access/tfa/{userid}", params));
  return (JSON.parse(answer.text("challenge")) as { publicKey: KeyCreation }).publicKey;
}

interface NewKey {
  description: string;
  challenge: string;
  /** The key's answer, as JSON. */
  answer: string;
  password: string;
}

export async function addKey(user: string, { description, challenge, answer, password }: NewKey): Promise<void> {
  const params = { userid: user, type: "webauthn" as const, description, challenge, value: answer };
  await client.call("POST /access/tfa/{userid}", { ...params, ...proof(password) });
}

export async function removeFactor(user: string, id: string, password: string): Promise<void> {
  await client.call("DELETE /access/tfa/{userid}/{id}", { userid: user, id, ...proof(password) });
}
